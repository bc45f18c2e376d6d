"""The LaTeX of formulas: what a reader sees must be the formula, in the order people write it."""

import pytest
import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Where
from lossgen.algebra.tensors import Tensor
from lossgen.backends.latex.layout import broken
from lossgen.backends.latex.naming import named
from lossgen.backends.latex.printer import formula, latex
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


def test_functions_without_notation_are_what_they_mean():
    x, y, gamma = (Tensor(name)[()] for name in ("x", "y", "gamma"))
    assert latex(vo.gated(1 - y, vo.softplus(x))) == (
        r"\left(1 - y\right)\,\operatorname{softplus}\left(x\right)"
    )
    assert latex(vo.powered(gamma, x + y, gamma, -1)) == r"\gamma\,\left(x + y\right)^{\gamma - 1}"
    assert latex(vo.quotient(x + 1, y)) == r"\frac{x + 1}{y}"
    assert latex(2 * vo.gap(x, y)) == r"2\,x - 2\,y"


def test_what_is_open_at_its_end_stands_in_brackets():
    i = index(C)
    x, y = Tensor("x", (C,)), Tensor("y")[()]
    total = Sum(vo.abspow(x[i], y), i)
    assert latex(total ** (1 / y)) == (r"\left(\sum_{j} \left|x_{j}\right|^{y}\right)^{\frac{1}{y}}")
    assert latex(vo.abspow(y, y) ** 2) == r"\left(\left|y\right|^{y}\right)^{2}"
    assert latex(Where(y > 0, 1, 0) * y).startswith(r"y\,\left(\begin{cases}")


def test_long_formulas_break_and_repetitions_are_named():
    x, y = Tensor("x")[()], Tensor("y")[()]
    terms = [vo.softplus(k * x - y) for k in range(2, 12)]
    text = broken(sp.Add(*terms))
    assert text.startswith(r"\begin{aligned}")
    assert text.count("softplus") == 10
    part = vo.softplus(x * y + 1) * vo.sigmoid(x - y) + y
    names, (left,) = named([part**2 + sp.exp(part)])
    assert [expr for _, expr in names] == [part]
    assert left.xreplace({names[0][0][()]: part}) == part**2 + sp.exp(part)
