"""The LaTeX of formulas: what a reader sees must be the formula, in the order people write it."""

import pytest

from lossgen.emit.latex import formula
from lossgen.spec import Class, Ne, NonNegative, Positive, Pred, Sum, Target, axis, exp, index, loss, where

C = axis("C", dims="1")


def written(body) -> str:
    return formula(loss(family="test", source="none")(body).variants[0].program)


def test_parameters_before_tensors_and_greek_by_command():
    def f(x: Pred, y: Target, gamma: Positive, slope_of: Positive, beta: NonNegative):
        """Formula."""
        return (x - y) ** gamma * slope_of * x * beta

    assert written(f) == (r"\ell = \beta\,\mathrm{slope\_of}\,x\,\left(x - y\right)^{\gamma}")


def test_reciprocals_and_leading_minus():
    def f(x: Pred, y: Target):
        """Formula."""
        return 1 - 1 / (1 + exp(-x)) - y

    assert written(f) == r"\ell = 1 - y - \frac{1}{1 + e^{- x}}"


def test_conditions_of_sums_stand_below_the_sign():
    def f(x: Pred[C], y: Class[C]):
        """Formula."""
        i = index(C)
        return Sum(where(Ne(i, y), x[i] - x[y], 0), i)

    assert written(f) == r"\ell = \sum_{j:\ j \neq y} \left(x_{j} - x_{y}\right)"


@pytest.mark.parametrize("other", [0, 1])
def test_nested_choices_become_one_condition_only_where_both_are_zero(other):
    def f(x: Pred, y: Target):
        """Formula."""
        return where(x > 0, where(y > 0, x, other), 0)

    text = written(f)
    assert text.count(r"\begin{cases}") == (1 if other == 0 else 2)
    assert (r"\wedge" in text) == (other == 0)
