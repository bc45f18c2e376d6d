"""Arguments, intermediate tensors and axes may bear any name, those of variables in generated code too."""

import ast
import importlib
import keyword
import re

import numba
import numpy as np
import pytest

import lossgen
from lossgen.backends.registry import BACKENDS
from lossgen.lower.names import RESERVED
from lossgen.oracle.verify import verify
from lossgen.paths import generated_folder
from lossgen.pipeline import build
from lossgen.pipeline.names import kernel_names
from lossgen.spec.model import Loss, Parameter
from lossgen.spec.registry import load

# What generated code and the runtime call their own, beside the words that no temporary may have.
OWN = {
    "scale0", "bad", "divisor", "factor",
    "mean_scale", "step_mask", "step_bad", "total", "lost", "total0", "numerator0", "one", "two", "one_bad",
    "one_last", "grad_scores", "grad_total", "hess_scores", "hv_scores", "tangent_scores", "tangent_state",
    "bar_state", "log_state", "largest_state", "mean_bar_state", "value", "values", "gradient", "hessian",
    "prepass", "_value", "_two_sum", "scores_", "first_", "C", "K", "s", "self", "axis", "args",
    "kwargs",
}  # fmt: skip
LOCAL, PREDICTION, TARGET = "state", "part", "last"
PARAMETERS = sorted(
    n for n in RESERVED | OWN if not keyword.iskeyword(n) and n not in (LOCAL, PREDICTION, TARGET)
)
SPEC = """
from lossgen.spec import NonNegative, Pred, Target, axis, define, index, loss, sample
from lossgen.spec import Sum as Add

ROWS, COLUMNS = axis("C", dims="1"), axis("first", dims="2")


@loss(family="names")
def every_name({prediction}: Pred[ROWS, COLUMNS], {target}: Target[ROWS, COLUMNS], {arguments}):
    '''Squares of sums.'''
    row, column = index(ROWS), index(COLUMNS)
    both = define("{local}", (row, column), ({prediction}[row, column] - {target}[row, column]) / ({total}))
    return sample(Add(Add(both[row, column] ** 2, column) ** 2, row), mean_by=bad)
"""


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    folder = tmp_path_factory.mktemp("named")
    spec = folder / "named.py"
    arguments = ", ".join(f"{name}: NonNegative = {1 + k / 8}" for k, name in enumerate(PARAMETERS))
    spec.write_text(
        SPEC.format(
            local=LOCAL,
            prediction=PREDICTION,
            target=TARGET,
            arguments=arguments,
            total=" + ".join(f"{k + 1} * {name}" for k, name in enumerate(PARAMETERS)),
        )
    )
    build(spec, folder / "named_losses")
    with pytest.MonkeyPatch.context() as patch:
        # Python alone runs the kernels: for so many arguments Numba takes a minute.
        patch.setattr(numba.config, "DISABLE_JIT", True)
        patch.syspath_prepend(str(folder))
        yield spec, importlib.import_module("named_losses")


def test_every_name_is_free(named):
    spec, package = named
    rows = verify(load(spec), package, points=2, dtypes=[np.float64], samplers=("practical",))
    assert len(rows) >= 3
    assert not [f"{row.output}: {row.worst_point}" for row in rows if row.failed]


def test_formulas_of_curvature_have_the_names_of_the_declaration():
    loss = lossgen.compile("log(1 + ((x - y)/scale)**2)", domains={"scale": "positive"})
    for rule in loss.entry.default_variant.curvature.values():
        assert set(re.findall("[a-z]\\w+", rule.text["x"])) <= {"curvature", "by", "scale"}
        assert "scale" in rule.latex["x"]


def test_every_name_is_what_users_see(named):
    loss = named[1].every_name
    assert set(PARAMETERS) == set(loss.params)
    shown = loss.entry.variants[0]
    assert set(shown.wrt_all) == {*PARAMETERS, PREDICTION, TARGET}
    assert f"{PREDICTION}[c, first]" in shown.formula_text


def in_kernels(module):
    """Return what a generated module imports or names for all, and what its kernels bind themselves."""
    for node in module.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (name.asname or name.name for name in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets)
        # Variables of one sample, in functions of their own, keep clear of arguments.
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            arguments = {one.arg for one in node.args.args}
            stored = [n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
            yield from (n.id for n in stored if n.id not in arguments)


@pytest.mark.parametrize("target", [backend for backend in BACKENDS if backend.startswith("numba")])
def test_what_kernels_of_every_target_call_their_own_is_renamed(target):
    files = sorted((generated_folder() / target).glob("*.py"))
    own = {name for file in files for name in in_kernels(ast.parse(file.read_text()))}
    assert {"np", "math", "total"} <= own
    given = tuple(Parameter(name, "param", 1) for name in sorted(own))
    renamed = kernel_names(Loss("case", "", "A case.", "", "", given, ()))
    # A function of its own ends sums in the device's memory; no argument of a loss gets there.
    assert own - set(renamed) <= {"value"}
