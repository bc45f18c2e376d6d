"""Signs and monotony of functions of a residual r > 0 that have different branches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Where
from lossgen.algebra.tensors import Element, Tensor, elements
from lossgen.derive.differentiate import derivative
from lossgen.stabilize.curvature.over import hoisted
from lossgen.stabilize.facts import is_nonneg, is_positive

# Functions that have the sign of their first argument.
_ODD = (vo.over1psq, vo.signpow, vo.expm1, vo.log1p, sp.tanh, sp.sinh, sp.atan, sp.asinh)
# A residual that is positive; what is between 0 and 1; what a residual is beyond a threshold.
POSITIVE = Tensor("r", (), "float", "pred", "positive")[()]
_SHARE = Tensor("u", (), "float", "pred", "unit")[()]
_BEYOND = Tensor("v", (), "float", "pred", "positive")[()]


@dataclass(frozen=True)
class Piece:
    """An expression of a positive residual, where that is below some thresholds and above others."""

    expr: sp.Expr
    below: tuple[sp.Expr, ...] = ()
    above: tuple[sp.Expr, ...] = ()

    def views(self) -> Iterator[sp.Expr]:
        """Return the expression with the residual written in ways that show where it lies."""
        yield self.expr
        yield from (self.expr.xreplace({POSITIVE: end * _SHARE}) for end in self.below)
        yield from (self.expr.xreplace({POSITIVE: end + _BEYOND}) for end in self.above)

    def is_nonneg(self) -> bool:
        """Whether the expression is certainly not negative."""
        return any(_nonneg(form) for view in self.views() for form in _forms(view))


@dataclass(frozen=True)
class Jump:
    """The expressions on the two sides of a threshold, which is positive."""

    at: sp.Expr
    inner: sp.Expr
    outer: sp.Expr

    def falls(self) -> bool:
        """Whether the outer side is certainly not above the inner one."""
        return any(map(_nonneg, _forms(self._step())))

    def vanishes(self) -> bool:
        """Whether both sides are certainly equal."""
        return any(form == 0 for form in _forms(self._step()))

    def _step(self) -> sp.Expr:
        return (self.inner - self.outer).xreplace({POSITIVE: self.at})


def _forms(expr: sp.Expr) -> Iterator[sp.Expr]:
    yield expr
    yield sp.factor_terms(expr)
    if is_rational(expr):
        yield sp.factor(expr)


def is_rational(expr: sp.Expr) -> bool:
    """Whether an expression is a quotient of polynomials of its entries."""
    return not any(
        isinstance(node, sp.Function | Where) or (isinstance(node, sp.Pow) and not node.exp.is_Integer)
        for node in sp.preorder_traversal(expr)
    )


def _nonneg(expr: sp.Expr) -> bool:
    if isinstance(expr, sp.Add | sp.Mul) and all(map(_nonneg, expr.args)):
        return True
    if isinstance(expr, _ODD) and _nonneg(expr.args[0]):
        return True
    return is_nonneg(expr)


def positive_side(expr: sp.Expr, r: Element) -> sp.Expr:
    """Return an expression for positive residuals, its choices at the top."""
    return hoisted(expr.xreplace({r: POSITIVE}))


def never_negative(expr: sp.Expr) -> bool:
    """Whether an expression of a positive residual is certainly never negative."""
    found = pieces(expr)
    return found is not None and all(piece.is_nonneg() for piece in found[0])


def continuous(expr: sp.Expr) -> bool:
    """Whether an expression of a positive residual has certainly no jump between its branches."""
    found = pieces(expr)
    return found is not None and all(jump.vanishes() for jump in found[1])


def never_rising(expr: sp.Expr) -> bool:
    """Whether an expression certainly never rises with a positive residual."""
    found = pieces(expr)
    if found is None:
        return False
    inside, jumps = found
    falling = (replace(piece, expr=-derivative(piece.expr, POSITIVE)) for piece in inside)
    return all(piece.is_nonneg() for piece in falling) and all(jump.falls() for jump in jumps)


def pieces(expr: sp.Expr) -> tuple[list[Piece], list[Jump]] | None:
    """Return the branches of an expression and the jumps between them; None where a condition is not one of
    a residual against a threshold.
    """
    if not isinstance(expr, Where):
        return None if expr.has(Where) and _varying(expr) else ([Piece(expr)], [])
    test, first, second = expr.args
    if POSITIVE not in elements(test):
        parts = [pieces(first), pieces(second)]
        if parts[0] is None or parts[1] is None:
            return None
        return [*parts[0][0], *parts[1][0]], [*parts[0][1], *parts[1][1]]
    if isinstance(test, sp.Eq):  # a limit at one point, which the function has
        return pieces(second)
    threshold = _threshold(test)
    if threshold is None:
        return None
    end, is_below = threshold
    inner, outer = (first, second) if is_below else (second, first)
    found = pieces(inner), pieces(outer)
    if found[0] is None or found[1] is None:
        return None
    within = [replace(piece, below=(*piece.below, end)) for piece in found[0][0]]
    beyond = [replace(piece, above=(*piece.above, end)) for piece in found[1][0]]
    jumps = [Jump(end, a.expr, b.expr) for a in found[0][0] for b in found[1][0]]
    return [*within, *beyond], [*found[0][1], *found[1][1], *jumps]


def _varying(expr: sp.Expr) -> bool:
    return any(POSITIVE in elements(node.args[0]) for node in expr.atoms(Where))


def _threshold(test: Boolean) -> tuple[sp.Expr, bool] | None:
    """Return the end of the residuals for which a condition decides, and whether it holds below it."""
    if not isinstance(test, sp.Lt | sp.Le | sp.Gt | sp.Ge):
        return None
    gap = sp.expand(test.lhs - test.rhs)
    slope = derivative(gap, POSITIVE)
    if POSITIVE in elements(slope) or slope == 0:
        return None
    end = (-(gap - slope * POSITIVE) / slope).expand()
    if not is_nonneg(end) or not (is_positive(slope) or is_positive(-slope)):
        return None
    return end, is_positive(slope) == isinstance(test, sp.Lt | sp.Le)
