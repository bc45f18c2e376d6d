"""Textbook formulas, written without a thought for rounding, come out finite and accurate."""

from __future__ import annotations

import hashlib
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import pytest
import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Tensor
from lossgen.spec.model import Assign, Program, Sweep, Term
from lossgen.stabilize.lift import lift, lift_with_record
from tests.stabilize.evaluate import DIGITS, FLOAT, HIGH, evaluate

EPS = 2.0**-52
C, D = Axis("C"), Axis("D")
i, j, d = Index("i", C), Index("j", C), Index("d", D)
x = Tensor("x", (), "float", "pred")[()]
y = Tensor("y", (), "float", "target", "unit")[()]
q = Tensor("q", (), "float", "target", "nonnegative")[()]
z = Tensor("z", (), "float", "target")[()]
w = Tensor("w", (), "float", "param", "nonnegative")[()]
g = Tensor("g", (), "float", "param", "nonnegative")[()]
eps = Tensor("eps", (), "float", "param", "positive")[()]
row = Tensor("row", (C,), "float", "pred")
weights = Tensor("weights", (C,), "float", "per_class", "nonnegative")
k = Tensor("k", (), "int", "class")[()]
u, v = Tensor("u", (D,), "float", "pred"), Tensor("v", (D,), "float", "pred")
p = 1 / (1 + sp.exp(-x))


def log_softmax(position: Any) -> sp.Expr:
    return sp.log(sp.exp(row[position]) / Reduction("sum", sp.exp(row[j]), j))


BCE = -(w * y * sp.log(p) + (1 - y) * sp.log(1 - p))
FOCAL = (y * (1 - p) + (1 - y) * p) ** g * -(y * sp.log(p) + (1 - y) * sp.log(1 - p))
SHARE = sp.exp(row[k]) / Reduction("sum", sp.exp(row[j]), j)
DISTANCE = sp.sqrt(Reduction("sum", (u[d] - v[d]) ** 2, d))

FORMULAS: dict[str, sp.Expr] = {
    "binary entropy": BCE,
    "binary entropy, other spelling": sp.log(1 + sp.exp(x)) - y * x,
    "binary focal": FOCAL,
    "softmax entropy": -weights[k] * log_softmax(k),
    "smoothed": (1 - y) * -log_softmax(k) - y * Reduction("sum", weights[i] * log_softmax(i), i) / C,
    "multiclass focal": -((1 - SHARE) ** g) * sp.log(SHARE),
    "entropy of a softmax": -Reduction("sum", sp.exp(log_softmax(i)) * log_softmax(i), i),
    "divergence": q * (sp.log(q) - x),
    "divergence of logs": sp.exp(z) * (z - x),
    "distance": DISTANCE,
    "smooth absolute value": sp.sqrt((x - z) ** 2 + eps**2),
    "log cosh": sp.log((sp.exp(x) + sp.exp(-x)) / 2),
    "softmax average": Reduction("sum", sp.exp(row[i]) * weights[i], i) / Reduction("sum", sp.exp(row[j]), j),
    "soft margin": sp.log(1 + sp.exp(-x * z)),
    "cauchy": sp.log(1 + x**2 / eps**2),
    "welsch": 1 - sp.exp(-(x**2) / eps**2),
    "two sided": sp.log(1 - 1 / (1 + sp.exp(x))),
    "hyperbolic": (sp.exp(x) - sp.exp(-x)) / (sp.exp(x) + sp.exp(-x)),
}


def lifted(expr: sp.Expr) -> sp.Expr:
    return lift(Program((), (Term(expr),))).terms[0].value


def sample(source: random.Random, span: float) -> dict[str, Any]:
    def real() -> float:
        return source.choice((-1, 1)) * 10 ** source.uniform(-3, span)

    return {
        "C": 5,
        "D": 3,
        "x": real(),
        "z": source.choice((real(), 1.0, -1.0)),
        "y": source.choice((0.0, 1.0, source.random())),
        "q": abs(real()),
        "w": source.choice((0.0, 1.0, 2.5)),
        "g": source.choice((0.0, 0.5, 2.0)),
        "eps": 10 ** source.uniform(-3, 1),
        "k": source.randrange(5),
        "row": [real() for _ in range(5)],
        "weights": [source.choice((0.0, 1.0, 0.3)) for _ in range(5)],
        "u": [real() for _ in range(3)],
        "v": [real() for _ in range(3)],
    }


@pytest.mark.parametrize("span", [1.5, 2.8], ids=["practical", "large"])
@pytest.mark.parametrize("name", FORMULAS)
def test_finite_and_accurate(name: str, span: float) -> None:
    """Within a few roundings of the argument: half an ulp of an exponent of size a moves its exponential by
    a/2 ulp.
    """
    form = lifted(FORMULAS[name])
    meant = vo.exact(form)
    source = random.Random(name)
    with mpmath.workdps(700):
        for _ in range(60):
            values = sample(source, span)
            got = evaluate(form, values, FLOAT)
            truth = evaluate(meant, values, HIGH)
            if abs(truth) < sys.float_info.min or abs(truth) > sys.float_info.max:
                continue
            assert math.isfinite(got)
            conditioning = 1 + abs(float(mpmath.log(abs(truth)))) * 3
            scale = max(abs(truth), CANCELS.get(name, 0.0) * max(1.0, abs(values["x"])))
            assert abs(mpmath.mpf(float(got)) - truth) <= 16 * conditioning * EPS * scale, values


# Formulas that are differences of quantities of the size of x: accurate relative to those.
CANCELS = {"divergence": 40.0, "divergence of logs": 40.0, "entropy of a softmax": 1.0}


@pytest.mark.parametrize("name", FORMULAS)
def test_lifted_is_the_same_mathematics(name: str) -> None:
    form, source = lifted(FORMULAS[name]), random.Random(name)
    with mpmath.workdps(DIGITS):
        for _ in range(10):
            values = sample(source, 1.0) | {
                "q": source.random(),
                "weights": [source.random() for _ in range(5)],
            }
            before, after = evaluate(FORMULAS[name], values, HIGH), evaluate(form, values, HIGH)
            assert abs(before - after) <= mpmath.mpf(10) ** -60 * max(1, abs(before))


@pytest.mark.parametrize("name", FORMULAS)
def test_lifting_twice_changes_nothing(name: str) -> None:
    once = lift(Program((), (Term(FORMULAS[name]),)))
    assert lift(once) == once


EXPECTED: dict[str, Callable[[], sp.Expr]] = {
    "binary entropy": lambda: vo.gated(w * y, vo.softplus(-x)) + vo.gated(1 - y, vo.softplus(x)),
    "binary entropy, other spelling": lambda: vo.gated(y, vo.softplus(-x)) + vo.gated(1 - y, vo.softplus(x)),
    "softmax entropy": lambda: -vo.gated(weights[k], vo.logshare(row[k], Reduction("lse", row[j], j))),
    "distance": lambda: Reduction("norm", u[d] - v[d], d),
    "log cosh": lambda: vo.logcosh(x),
    "two sided": lambda: -vo.softplus(-x),
    "hyperbolic": lambda: sp.tanh(x),
    "soft margin": lambda: vo.softplus(-x * z),
    "welsch": lambda: vo.omexp(-(x**2) / eps**2),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_expected_form(name: str) -> None:
    assert lifted(FORMULAS[name]) == EXPECTED[name]()


def test_overlap_of_probabilities_is_not_moved_to_logarithms() -> None:
    """A sum of sigmoids neither overflows nor is its logarithm taken: softmaxes of sigmoids would cost speed
    and digits.
    """
    s = 1 / (1 + sp.exp(-row[i]))
    target = weights[i]
    overlap = 2 * Reduction("sum", s * target, i) + 1
    total = Reduction("sum", s, i) + Reduction("sum", target, i) + 1
    form = lifted(1 - overlap / total)
    assert not form.has(vo.softplus, sp.log)
    assert not any(node.op == "lse" for node in form.atoms(Reduction))


@pytest.mark.parametrize(
    ("name", "values", "truth"),
    [
        ("binary entropy", {"x": math.inf, "y": 1.0, "w": 1.0}, 0.0),
        ("binary entropy", {"x": -math.inf, "y": 0.0, "w": 1.0}, 0.0),
        ("binary entropy", {"x": -math.inf, "y": 1.0, "w": 0.0}, 0.0),
        ("binary entropy", {"x": -math.inf, "y": 1.0, "w": 1.0}, math.inf),
        ("divergence", {"x": -math.inf, "q": 0.0}, 0.0),
        ("divergence of logs", {"x": -math.inf, "z": -math.inf}, 0.0),
        ("binary focal", {"x": math.inf, "y": 1.0, "g": 0.5}, 0.0),
    ],
)
def test_infinite_logits(name: str, values: dict[str, float], truth: float) -> None:
    assert evaluate(lifted(FORMULAS[name]), values, FLOAT) == truth


def test_infinite_logits_of_a_row() -> None:
    values = {"C": 3, "row": [-math.inf, 1.0, 2.0], "weights": [0.0, 1.0, 1.0], "k": 2, "y": 0.0}
    truth = math.log1p(math.exp(-1.0))
    assert evaluate(lifted(FORMULAS["smoothed"]), values, FLOAT) == pytest.approx(truth, rel=4 * EPS)
    assert evaluate(lifted(FORMULAS["softmax entropy"]), values | {"k": 0}, FLOAT) == 0


def _chain(positive: bool) -> Program:
    """A product of probabilities, summed over two paths at every step."""
    a = Tensor("a", (C,), domain="nonnegative")
    step = Where(sp.Eq(i, 0), 1, a[i - 1] * sp.exp(row[i]) / 2 + a[i - 1] * sp.exp(-row[i]) / 3)
    sweep = Sweep((i,), (Assign(a[i], step),), positive=positive)
    return Program((row,), (Term(Where(sp.Gt(a[C - 1], 0), -sp.log(a[C - 1]), 0)),), (sweep,))


def test_positive_recurrence_is_kept_as_logarithm() -> None:
    program, record = lift_with_record(_chain(positive=True))
    (sweep,) = program.stages
    (assign,) = sweep.body
    assert assign.target.tensor.name == "log_a"
    assert not sweep.positive
    assert not assign.expr.has(sp.exp)
    assert program.terms[0].value.has(vo.alive)
    assert "kept-as-logarithm" in {rewrite.rule for rewrite in record}
    length, slope = 400, -20.0
    values: dict[str, Any] = {"C": length, "row": [slope] * length, "log_a": []}
    for position in range(length):
        values["log_a"].append(evaluate(assign.expr, values, FLOAT, i=position))
    truth = -(length - 1) * math.log(math.exp(slope) / 2 + math.exp(-slope) / 3)
    assert evaluate(program.terms[0].value, values, FLOAT) == pytest.approx(truth, rel=1e-12)


def test_recurrence_without_logarithm_stays() -> None:
    chain = _chain(positive=False)
    total = Reduction("sum", chain.stages[0].body[0].target, i)
    program = lift(Program(chain.inputs, (Term(total),), chain.stages))
    assert program.stages[0].body[0].target.tensor.name == "a"
    assert program.terms[0].value == total


def test_stage_whose_logarithm_is_taken_moves_to_the_log_domain() -> None:
    probability = Tensor("probability", (C,))
    stage = Sweep((i,), (Assign(probability[i], sp.exp(row[i]) / Reduction("sum", sp.exp(row[j]), j)),))
    program = lift(Program((row,), (Term(-sp.log(probability[k])),), (stage,)))
    (assign,) = program.stages[0].body
    assert assign.expr == vo.logshare(row[i], Reduction("lse", row[j], j))
    assert program.terms[0].value == -assign.target.tensor[k]


SCRIPT = """
from tests.stabilize.test_lift import FORMULAS, lifted
import hashlib
print(hashlib.sha256("\\n".join(str(lifted(e)) for e in FORMULAS.values()).encode()).hexdigest())
"""


def test_result_does_not_depend_on_the_hash_seed() -> None:
    root = Path(__file__).resolve().parents[2]
    here = "\n".join(str(lifted(e)) for e in FORMULAS.values()).encode()
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=root, env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == hashlib.sha256(here).hexdigest()
