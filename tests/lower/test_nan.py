"""Choices hide no NaN of predictions and targets, and give every other number what they gave."""

import math
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from sympy import Abs, Eq, Ge, Gt, Le, Lt, Max, Ne, exp

from lossgen.algebra.axes import Axis, fresh
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Tensor
from lossgen.derive.model import Routine
from lossgen.lower import ir, lower
from lossgen.spec.model import Assign, Sweep
from tests.lower.kernels import module, run

D = Axis("D")
x, y = Tensor("x", role="pred"), Tensor("y", role="target")
rows = Tensor("rows", (D,), role="pred")
delta, weight = Tensor("delta", role="param"), Tensor("weight", role="weight")
OUT = Tensor("out", role="output")
ONE = np.ones(1)
GAP = x[()] - y[()]
NUMBERS = (0.0, -0.0, 1.0, -1.0, 2.5, math.inf, -math.inf, math.nan)


def chosen(relation: type, then: object, otherwise: object) -> sp.Expr:
    return Where(relation(x[()], y[()]), then, otherwise)


RELATIONS = (Lt, Le, Gt, Ge, Eq, Ne)
BRANCHES = {
    "first": (x[()] + y[()], delta[()]),
    "second": (delta[()], x[()] + y[()]),
    "both": (x[()] + y[()], x[()] * y[()]),
    "neither": (delta[()], 2 * delta[()]),
    "step": (1, 0),
    "part": (x[()], 0),
}


def with_numbers(expr: object, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    a, b, c = sp.symbols("a b c")
    plain = sp.sympify(expr).subs({x[()]: a, y[()]: b, delta[()]: c})
    with np.errstate(invalid="ignore"):
        return np.broadcast_to(sp.lambdify((a, b, c), plain)(xs, ys, 1.0), xs.shape)


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.__name__)
def test_every_comparison(tmp_path: Path, relation: type) -> None:
    outputs = {name: Tensor(f"{name}_out", role="output") for name in BRANCHES}
    body = tuple(
        Assign(outputs[name][()], weight[()] * chosen(relation, *branches))
        for name, branches in BRANCHES.items()
    )
    routine = Routine("values", (x, y, delta, weight), tuple(outputs.values()), (Sweep((), body),), ())
    made = module(tmp_path, routine)
    xs, ys = (part.ravel() for part in np.meshgrid(NUMBERS, NUMBERS))
    found = {name: np.empty_like(xs) for name in BRANCHES}
    run(made, "values", [xs, ys, ONE, ONE], list(found.values()), samples=len(xs))
    holds = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
    holds |= {"==": np.equal, "!=": np.not_equal}
    nan = np.isnan(xs) | np.isnan(ys)
    for name, (then, otherwise) in BRANCHES.items():
        a, b = (with_numbers(part, xs, ys) for part in (then, otherwise))
        with np.errstate(invalid="ignore"):
            expected = np.where(holds[relation.rel_op](xs, ys), a, b)
        assert np.isnan(found[name][nan]).all(), name
        np.testing.assert_array_equal(found[name][~nan], expected[~nan], err_msg=name)


def store(expr: sp.Expr) -> tuple[Sweep, ...]:
    return (Sweep((), (Assign(OUT[()], expr),)),)


def distance() -> sp.Expr:
    d = fresh(D)
    return Reduction("sum", Abs(rows[d]), d) - delta[()]


def through_accumulators() -> sp.Expr:
    gap = distance()
    return Where(gap >= 0, gap, 0) * exp(gap)


def step_of_a_sum() -> sp.Expr:
    return Where(distance() > 0, 1, 0)


def branch_with_a_loop() -> sp.Expr:
    d = fresh(D)
    return Where(distance() > 0, Reduction("max", rows[d] ** 2, d), 0)


def loops_in_no_dependent_branch() -> sp.Expr:
    d = fresh(D)
    return Where(distance() > 0, Reduction("sum", exp(delta[()] * d), d), 0)


def nested() -> sp.Expr:
    gap = distance()
    return Where(gap > 0, 1, Where(Eq(gap, 0), sp.Rational(1, 2), 0))


@pytest.mark.parametrize(
    "make",
    [through_accumulators, step_of_a_sum, branch_with_a_loop, loops_in_no_dependent_branch, nested],
    ids=lambda make: make.__name__,
)
def test_through_temporaries_and_loops(tmp_path: Path, make: object) -> None:
    expr = weight[()] * make()  # type: ignore[operator]
    made = module(tmp_path, Routine("value", (rows, delta, weight), (), (), (expr,)))
    given = np.array([[0.25, 0.25, 0.0], [1.0, -2.0, 0.5], [0.5, 0.0, -0.5]])
    clean = [run(made, "value", [row[None], ONE, ONE], [], samples=1)[0] for row in given]
    assert clean[0] == 0
    assert clean[1] > 0
    for place in range(3):
        given[0, place] = math.nan
        assert math.isnan(run(made, "value", [given[:1], ONE, ONE], [], samples=1)[0])


def test_guarded_stores(tmp_path: Path) -> None:
    """A guard on numbers lets NaN into what it adds to, be it a function of the number or not."""
    d = fresh(D)
    out, other = Tensor("out", (D,), role="output"), Tensor("other", (D,), role="output")
    body = (
        Assign(out[d], rows[d] * weight[()], add=True, guard=rows[d] > 0),
        Assign(other[d], weight[()], add=True, guard=rows[d] > 0),
    )
    made = module(tmp_path, Routine("values", (rows, weight), (out, other), (Sweep((d,), body),), ()))
    given = np.array([[math.nan, 2.0, -1.0, 0.0, math.inf]])
    grown, stepped = np.empty_like(given), np.empty_like(given)
    run(made, "values", [given, ONE], [grown, stepped], samples=1)
    np.testing.assert_array_equal(grown, [[math.nan, 2.0, 0.0, 0.0, math.inf]])
    np.testing.assert_array_equal(stepped, [[math.nan, 1.0, 0.0, 0.0, 1.0]])


def test_choices_on_parameters_and_integers_stay() -> None:
    label = Tensor("label", (), "int", "class")
    expr = Where(delta[()] > 0, 1, 0) * Where(Ne(label[()], 3), x[()], 0)
    function = lower(Routine("value", (x, label, delta, weight), (), (), (expr,)))
    selects = [
        e
        for value in function.returns
        for e in ir.subexpressions(value)
        if isinstance(e, ir.Op) and e.name == "select"
    ]
    assert sorted(e.args[0].name for e in selects) == ["gt", "ne"]


def test_the_usual_forms_cost_nothing() -> None:
    """One comparison, as declared or complementary, where a branch has what is compared."""
    for expr in (Where(GAP >= 0, GAP, 0), Where(Eq(y[()], 0), 0, y[()] * x[()]), Max(GAP, 0)):
        function = lower(Routine("value", (x, y, weight), (), (), (weight[()] * expr,)))
        comparisons = [
            e
            for value in (*function.returns, *ir.expressions(function.body))
            for e in ir.subexpressions(value)
            if isinstance(e, ir.Op) and e.type == "bool"
        ]
        assert len(comparisons) <= 1
