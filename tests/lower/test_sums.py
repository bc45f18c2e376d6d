"""Sums in the order that loses the fewest digits: like entries are subtracted before anything is added."""

import itertools
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from lossgen.algebra.axes import Axis, fresh
from lossgen.algebra.nodes import Reduction
from lossgen.algebra.tensors import Tensor
from lossgen.derive.model import Routine
from lossgen.lower import ir, lower
from tests.lower.kernels import module, run

D = Axis("D")
a, b = Tensor("a", role="pred"), Tensor("b", role="pred")
p, q = Tensor("p", role="target"), Tensor("q", role="target")
share = Tensor("share", role="target", domain="unit")
row, other = Tensor("row", (D,), role="pred"), Tensor("other", (D,), role="pred")
eps, weight = Tensor("eps", role="param"), Tensor("weight", role="weight")
INPUTS = (a, b, p, q, share, row, other, eps, weight)


def text(expr: sp.Expr) -> str:
    (value,) = lower(Routine("value", INPUTS, (), (), (expr,))).returns
    return _text(value)


def _text(expr: ir.Expr) -> str:
    if isinstance(expr, ir.Op) and len(expr.args) == 1:
        return f"{expr.name}({_text(expr.args[0])})"
    if isinstance(expr, ir.Op):
        return f"({_text(expr.args[0])} {expr.name} {_text(expr.args[1])})"
    return expr.name if isinstance(expr, ir.Var) else f"{expr.value}"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("expr", "order"),
    [
        ((a[()] - p[()]) + eps[()], "((a sub p) add eps)"),
        (eps[()] - p[()] + a[()] - 1, "(((a sub p) add eps) sub 1)"),
        (a[()] + b[()] - p[()] - q[()], "((a sub p) add (b sub q))"),
        (a[()] + b[()] - p[()], "((a sub p) add b)"),
        (p[()] - a[()] + eps[()], "((p sub a) add eps)"),
        (1 - share[()] + eps[()] * share[()], "((1 sub share) add (eps mul share))"),
        # The logarithm of a number may be close to another number, 1 is not.
        (sp.log(p[()]) - a[()] + 1, "((log(p) sub a) add 1)"),
        (eps[()] - a[()], "(eps sub a)"),
        (a[()] + b[()] + eps[()], "((a add b) add eps)"),
    ],
)
def test_order(expr: sp.Expr, order: str) -> None:
    assert text(expr) == order


def test_the_same_entry_comes_before_another() -> None:
    d = fresh(D)
    total = Reduction("sum", row[d] - other[D - 1 - d] - other[d] + row[D - 1 - d] + eps[()], d)
    function = lower(Routine("value", INPUTS, (), (), (total,)))
    (update,) = [s for s in ir.statements(function.body) if isinstance(s, ir.Update)]
    pairs = [
        e
        for e in ir.subexpressions(update.expr)
        if isinstance(e, ir.Op) and e.name == "sub" and all(isinstance(arg, ir.Load) for arg in e.args)
    ]
    assert [(e.args[0].array, e.args[1].array) for e in pairs] == [("row", "other")] * 2  # type: ignore[union-attr]
    assert all(e.args[0].positions == e.args[1].positions for e in pairs)  # type: ignore[union-attr]


def test_close_numbers_lose_nothing(tmp_path: Path) -> None:
    """Around a = p, and b = q at another magnitude, the sum is right to the last digits."""
    expr = weight[()] * (a[()] - p[()] + b[()] - q[()] + eps[()])
    inputs = (a, b, p, q, eps, weight)
    made = module(tmp_path, Routine("value", inputs, (), (), (expr,)))
    ones = np.ones(1)
    for k, small in itertools.product(range(5), (1e-6, 1e-12, 1e-300)):
        first, second = 1.2345 * 10.0**k, 6.789e-5
        given = [first, math.nextafter(second, 1), math.nextafter(first, 0), second]
        exact = (
            Fraction(given[0])
            - Fraction(given[2])
            + Fraction(given[1])
            - Fraction(given[3])
            + Fraction(small)
        )
        arrays = [np.array([number]) for number in given]
        got = run(made, "value", [*arrays, np.array([small]), ones], [], samples=1)[0]
        assert abs(Fraction(float(got)) - exact) <= exact * Fraction(1, 2**51)
