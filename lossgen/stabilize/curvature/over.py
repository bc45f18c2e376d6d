"""An odd function divided by its argument, without 0/0: factors cancel where they can, limits stand for the
rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Where
from lossgen.algebra.tensors import Element, elements
from lossgen.derive.differentiate import derivative

# Choices that do not depend on each other double the text each.
MOST_CHOICES = 6
# f(a) / a of stable functions, where that is another one.
_QUOTIENTS: tuple[tuple[Any, Callable[[sp.Expr], sp.Expr]], ...] = ((vo.over1psq, vo.inv1psq),)


def over(slope: sp.Expr, r: Element) -> sp.Expr:
    """Return `slope` / `r` for a slope that is odd in `r`; infinite at 0 where the slope jumps there."""
    slope = hoisted(slope)
    if isinstance(slope, Where):
        test, first, second = slope.args
        if isinstance(test, sp.Eq) and _never_zero(test.lhs - test.rhs):
            return over(second, r)
        return Where(test, over(first, r), over(second, r))
    if slope == 0:
        return sp.S.Zero
    cancelled = _cancelled(slope, r)
    if cancelled is not None and not cancelled.xreplace({r: sp.S.Zero}).has(sp.nan, sp.zoo):
        return cancelled
    away = slope / r if cancelled is None else cancelled
    beside = beside_zero(slope, r)
    if beside is None or sp.expand(beside) != 0:
        return away
    limit = beside_zero(derivative(slope, r), r)
    return away if limit is None else Where(sp.Eq(r, 0), limit, away)


def hoisted(expr: sp.Expr, most: int = MOST_CHOICES) -> sp.Expr:
    """Return an expression with choices among its factors and terms at its top; `most` inside each other."""
    test = _first_test(expr) if most else None
    if test is None:
        return expr
    first, second = (hoisted(_decided(expr, test, branch), most - 1) for branch in (1, 2))
    return Where(test, first, second)


def _first_test(expr: sp.Expr) -> Boolean | None:
    if isinstance(expr, Where):
        return expr.args[0]
    if isinstance(expr, sp.Mul | sp.Add | vo.gated):
        return next((test for part in expr.args if (test := _first_test(part)) is not None), None)
    return None


def _decided(expr: sp.Expr, test: Boolean, branch: int) -> sp.Expr:
    """Return an expression where every choice by a test is decided."""
    while decided := {node: node.args[branch] for node in expr.atoms(Where) if node.args[0] == test}:
        expr = expr.xreplace(decided)
    return expr


def value_at_zero(expr: sp.Expr, r: Element) -> sp.Expr | None:
    """Return an expression at r = 0, None where that is no number."""
    found = expr.xreplace({r: sp.S.Zero})
    return None if found.has(sp.nan, sp.zoo, sp.oo, -sp.oo) else found


def beside_zero(expr: sp.Expr, r: Element) -> sp.Expr | None:
    """Return the limit of an expression for r from above to 0, None where it is not seen."""
    signs = {node: _sign(node, r) for node in expr.atoms(sp.sign) if r in elements(node)}
    return value_at_zero(expr.xreplace(signs), r)


def _sign(node: sp.Expr, r: Element) -> sp.Expr:
    slope = derivative(node.args[0], r)
    return sp.sign(slope) if value_at_zero(node.args[0], r) == 0 else node


def _cancelled(expr: sp.Expr, r: Element) -> sp.Expr | None:
    """Return `expr` / `r` with the factor cancelled, None where it has no such factor."""
    if expr == 0:
        return sp.S.Zero
    if r not in elements(expr):
        return None
    if isinstance(expr, sp.Add):
        parts = [_cancelled(part, r) for part in expr.args]
        return None if any(part is None for part in parts) else sp.Add(*parts)
    if isinstance(expr, sp.Mul):
        return _of_product(expr, r)
    if isinstance(expr, sp.sign) and (factor := _factor(expr.args[0], r)) is not None:
        return sp.sign(factor) / sp.Abs(r)
    if isinstance(expr, Element | sp.Pow):
        base, exponent = expr.as_base_exp()
        if base == r:
            return r ** (exponent - 1)
        if exponent.is_number and exponent >= 1 and (inner := _cancelled(base, r)) is not None:
            return base ** (exponent - 1) * inner
        return None
    if isinstance(expr, vo.sqdiv | vo.quotient):
        above, below = expr.args
        inner = _cancelled(above, r)
        factor = above if isinstance(expr, vo.sqdiv) else sp.S.One
        return None if inner is None or r in elements(below) else factor * inner / below
    if isinstance(expr, vo.signpow) and (factor := _factor(expr.args[0], r)) is not None:
        return factor * _power(expr.args[0], expr.args[1] - 1)
    for kind, quotient in _QUOTIENTS:
        if isinstance(expr, kind) and (factor := _factor(expr.args[0], r)) is not None:
            return factor * quotient(expr.args[0])
    return None


def _of_product(expr: sp.Mul, r: Element) -> sp.Expr | None:
    for part in sorted(expr.args, key=lambda part: isinstance(part, sp.sign)):
        inner = _cancelled(part, r)
        if inner is not None:
            rest = sp.Mul(*(other for other in expr.args if other != part))
            # A factor that may be 0 switches the pole at 0 off.
            loose = [
                f for f in sp.Mul.make_args(rest) if isinstance(part, sp.sign) and f.is_zero is not False
            ]
            gate = sp.Mul(*loose)
            return inner * rest if r in elements(gate) else Where(sp.Eq(gate, 0), 0, inner * rest)
    return None


def _power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    """Return a power of an absolute value with its limit at 0, which `abspow` does not have."""
    limit = Where(sp.Eq(exponent, 0), 1, Where(exponent < 0, sp.oo, 0))
    return Where(sp.Eq(base, 0), limit, vo.abspow(base, exponent))


def _never_zero(expr: sp.Expr) -> bool:
    if isinstance(expr, vo.hypot):
        return any(arg.is_nonzero for arg in expr.args)
    return expr.is_nonzero is True


def _factor(expr: sp.Expr, r: Element) -> sp.Expr | None:
    """Return c for c * r, where c does not change with r."""
    factor = expr / r
    return None if r in elements(factor) else factor
