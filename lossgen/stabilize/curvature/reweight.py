"""Weights of iteratively reweighted least squares: slope / residual, for losses of a residual."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp

from lossgen.algebra.nodes import Where
from lossgen.algebra.tensors import Element
from lossgen.derive.differentiate import derivative
from lossgen.derive.residual import residual
from lossgen.errors import LossError
from lossgen.spec.program import Program, Term
from lossgen.stabilize.curvature.monotone import (
    POSITIVE,
    continuous,
    is_rational,
    never_negative,
    never_rising,
    positive_side,
)
from lossgen.stabilize.curvature.over import over
from lossgen.stabilize.lift import lift


@dataclass(frozen=True)
class Weight:
    """The weight of a residual.

    Attributes
    ----------
    x, y : Element
        The prediction and the target whose difference is the residual.
    alone : Expr
        The weight, with `x` standing for the residual.
    falls : bool
        Whether the weight is proved never to rise with the size of the residual: the parabola with this
        weight that touches the loss then lies above it everywhere.
    """

    x: Element
    y: Element
    alone: sp.Expr
    falls: bool

    @property
    def expr(self) -> sp.Expr:
        """The weight as a function of prediction and target."""
        return self.alone.xreplace({self.x: self.x - self.y})


def weight(program: Program) -> Weight:
    """Return the weight of a loss; raise LossError with the reason where it has none."""
    found = residual(program)
    stable = lift(replace(program, terms=(Term(found.value),))).terms[0].value
    slope = derivative(stable, found.x)
    if slope == 0:
        raise LossError("it does not change with its residual")
    alone = over(slope, found.x)
    if is_rational(alone):  # a weight that falls is a difference of terms that cancel, unless factored
        alone = sp.factor(alone)
    if not _has_sign_of_residual(slope, alone, found.x):
        raise LossError("its slope is not proved to have the sign of the residual: a weight may be negative")
    falls = continuous(positive_side(stable, found.x)) and _falls(slope, alone, found.x)
    return Weight(found.x, found.y, alone, falls)


def _has_sign_of_residual(slope: sp.Expr, alone: sp.Expr, x: Element) -> bool:
    if any(never_negative(positive_side(expr, x)) for expr in (slope, alone)):
        return True
    rising = derivative(positive_side(slope, x), POSITIVE)  # from 0 on, for the slope is odd
    return not slope.has(Where, sp.sign) and never_negative(rising)


def _falls(slope: sp.Expr, alone: sp.Expr, x: Element) -> bool:
    if never_rising(positive_side(alone, x)):
        return True
    # A slope that rises ever less, divided by the residual, falls, too.
    one_sided = positive_side(slope, x)
    return not one_sided.has(Where) and never_rising(derivative(one_sided, POSITIVE))
