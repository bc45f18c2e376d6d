"""The slope of the logarithm of a quotient is taken factor by factor, so that nothing cancels in it."""

from __future__ import annotations

import random

import mpmath
import pytest
import sympy as sp

from lossgen.algebra.nodes import Where
from lossgen.algebra.tensors import Tensor
from lossgen.algebra.vocabulary import xlogy
from lossgen.derive.differentiate import derivative
from lossgen.derive.tangent import tangent
from tests.stabilize.evaluate import DIGITS, HIGH, evaluate
from tests.stabilize.points import point

A = Tensor("a", (), "float", "pred", "positive")[()]
B = Tensor("b", (), "float", "param", "positive")[()]
V = Tensor("v", (), "float", "tangent")
LOGS = [
    sp.log((A + B) / (2 + A * B)),
    sp.log(3 * A**2 * sp.sqrt(A + B)),
    sp.log(A / (A + B) ** B),
    xlogy(B, (A + B) / (2 + A * B)),
    xlogy(A, 3 * A**2 * sp.sqrt(A + B)),
]


@pytest.mark.parametrize("expr", LOGS, ids=str)
def test_slope_of_a_log_is_the_difference_quotient(expr: sp.Expr) -> None:
    slopes = derivative(expr, A), tangent(expr, {A.tensor: V}).xreplace({V[()]: sp.S.One})
    step = mpmath.mpf(10) ** -30
    with mpmath.workdps(DIGITS):
        values = point(expr, random.Random(1))
        up, down = (evaluate(expr, values | {"a": values["a"] + s * step}, HIGH) for s in (1, -1))
        for slope in slopes:
            assert abs(evaluate(slope, values, HIGH) - (up - down) / (2 * step)) < mpmath.mpf(10) ** -40


def test_factors_stay_apart() -> None:
    above, below = A + B, 2 + A * B
    slope = derivative(sp.log(above / below), A)
    assert slope == 1 / above - B / below
    gated = derivative(xlogy(B, above / below), A)
    assert gated == Where(sp.Eq(B, 0), 0, B / above) - B * Where(sp.Eq(B, 0), 0, B / below)
