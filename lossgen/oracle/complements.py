"""Differences of exponentials, and what an error function leaves of its limit, as functions of their own.

``1 - exp(-t)`` at t = 1e-300 needs a thousand bits as it stands, and where t is itself an exponential more
than there are. Written ``-Expm1(-t)`` it needs none. `Erfc` is the complementary error function, of which
SymPy writes ``erfc(-u)`` as ``2 - erfc(u)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp


class Expm1(sp.Function):
    """``Expm1(a)`` = exp(a) - 1."""

    nargs = (1,)


class Erfc(sp.Function):
    """``Erfc(a)`` = erfc(a) as it stands."""

    nargs = (1,)


def separated(expr: sp.Basic) -> sp.Basic:
    """Return the expression with logarithms of differences of exponentials as sums: the larger one may
    vanish or overflow.
    """
    if not expr.args or isinstance(expr, sp.Symbol):
        return expr
    args = [separated(arg) if isinstance(arg, sp.Basic) else arg for arg in expr.args]
    rebuilt = expr.func(*args) if any(a is not b for a, b in zip(args, expr.args, strict=True)) else expr
    if isinstance(rebuilt, sp.log) and isinstance(rebuilt.args[0], sp.Add) and len(rebuilt.args[0].args) == 2:
        (c, a), (d, b) = map(_exponential, rebuilt.args[0].args)
        if c == -d and a != b:
            if sp.expand(b - a).could_extract_minus_sign():
                (c, a), (d, b) = (d, b), (c, a)
            # c*exp(a) + d*exp(b) with what is probably the larger one in front.
            return b + sp.log(d * -Expm1(sp.expand(a - b)))
    return rebuilt


def complemented(expr: sp.Basic) -> sp.Basic:
    """Return the expression with these functions wherever a sum of two terms is one."""
    if not expr.args or isinstance(expr, sp.Symbol):
        return expr
    args = [complemented(arg) if isinstance(arg, sp.Basic) else arg for arg in expr.args]
    rebuilt = expr.func(*args) if any(a is not b for a, b in zip(args, expr.args, strict=True)) else expr
    if isinstance(rebuilt, sp.Add) and len(rebuilt.args) == 2:
        for way in (_exponentials, _grown, _error_function):
            if (found := way(*rebuilt.args)) is not None:
                return found
    return rebuilt


def _exponentials(first: sp.Expr, second: sp.Expr) -> sp.Expr | None:
    """c*exp(a) - c*exp(b) is c*exp(b)*Expm1(a - b)."""
    (c, a), (d, b) = sorted(map(_exponential, (first, second)), key=lambda pair: pair[1].is_zero is True)
    if c != -d or a == b:
        return None
    return c * sp.exp(b) * Expm1(sp.expand(a - b))


def _grown(first: sp.Expr, second: sp.Expr) -> sp.Expr | None:
    """Write c + c*Expm1(a) as c*exp(a)."""
    for term, other in ((first, second), (second, first)):
        for node, c in _factors(term, Expm1):
            if other == c:
                return c * sp.exp(node.args[0])
    return None


def _exponential(term: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    parts = sp.Mul.make_args(term)
    exponent = sp.Add(*(part.args[0] for part in parts if isinstance(part, sp.exp)))
    return sp.Mul(*(part for part in parts if not isinstance(part, sp.exp))), exponent


def _error_function(first: sp.Expr, second: sp.Expr) -> sp.Expr | None:
    """2*c - c*erfc(u) is c*Erfc(-u), and c + c*erf(u) as well."""
    for term, other in ((first, second), (second, first)):
        for node, c in _factors(term, sp.erf | sp.erfc):
            if isinstance(node, sp.erfc) and other == -2 * c:
                return -c * Erfc(-node.args[0])
            if isinstance(node, sp.erf) and other in (c, -c):
                return other * Erfc(-node.args[0] if other == c else node.args[0])
    return None


def _factors(term: sp.Expr, kind: Any) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    parts = sp.Mul.make_args(term)
    for k, part in enumerate(parts):
        if isinstance(part, kind):
            yield part, sp.Mul(*parts[:k], *parts[k + 1 :])
