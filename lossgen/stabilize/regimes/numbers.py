"""Evaluates expressions of the algebra in high precision, at numbers for their elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import sympy as sp

from lossgen.algebra.nodes import Where
from lossgen.algebra.tensors import Element

Number = Any  # mpmath has no types
Numbers = Mapping[Element, Number]

# Enough for differences of eighth order at the smallest quantities that are tried.
DIGITS = 150
# Far beyond float64, as a power of 2: functions of larger numbers take as many digits as those have.
_LARGEST = 2**14

# Exponentials of larger numbers take mpmath too long.
_LARGEST_EXPONENT = 1e9


class UnknownError(Exception):
    """The expression has no real value there, or has a node that this module cannot evaluate."""


def _exponential(exponent: Number) -> Number:
    if abs(exponent) > _LARGEST_EXPONENT:
        raise UnknownError
    return mpmath.exp(exponent)


_FUNCTIONS: dict[type, Callable[..., Number]] = {
    sp.exp: _exponential,
    sp.log: mpmath.log,
    sp.sin: mpmath.sin,
    sp.cos: mpmath.cos,
    sp.tan: mpmath.tan,
    sp.atan: mpmath.atan,
    sp.asin: mpmath.asin,
    sp.acos: mpmath.acos,
    sp.sinh: mpmath.sinh,
    sp.cosh: mpmath.cosh,
    sp.tanh: mpmath.tanh,
    sp.asinh: mpmath.asinh,
    sp.atanh: mpmath.atanh,
    sp.erf: mpmath.erf,
    sp.erfc: mpmath.erfc,
    sp.Abs: abs,
    sp.sign: mpmath.sign,
    sp.Max: max,
    sp.Min: min,
}
_RELATIONS: dict[type, Callable[[Number, Number], bool]] = {
    sp.Eq: lambda a, b: a == b,
    sp.Ne: lambda a, b: a != b,
    sp.Lt: lambda a, b: a < b,
    sp.Le: lambda a, b: a <= b,
    sp.Gt: lambda a, b: a > b,
    sp.Ge: lambda a, b: a >= b,
}


def number(expr: sp.Basic, values: Numbers) -> Number:
    """Return the value of an expression without vocabulary functions, in mpmath's present precision."""
    try:
        found = _Walk(values)(expr)
    except (ValueError, ZeroDivisionError, OverflowError, TypeError) as error:
        raise UnknownError from error
    if not isinstance(found, mpmath.mpf) or not mpmath.isfinite(found):
        raise UnknownError
    return found


class _Walk:
    def __init__(self, values: Numbers) -> None:
        self.values = values
        self.known: dict[sp.Basic, Number] = {}

    def __call__(self, expr: sp.Basic) -> Number:
        if expr not in self.known:
            found = self.known[expr] = self._compute(expr)
            if found and mpmath.isfinite(found) and abs(mpmath.mag(found)) > _LARGEST:
                raise UnknownError
        return self.known[expr]

    def _compute(self, expr: sp.Basic) -> Number:
        if isinstance(expr, Element):
            return self.values[expr]
        if isinstance(expr, sp.Rational):
            return mpmath.mpf(int(expr.p)) / int(expr.q)
        if isinstance(expr, sp.NumberSymbol):
            return expr._to_mpmath(mpmath.mp.prec)
        if isinstance(expr, Where):
            return self(expr.args[1 if self._holds(expr.args[0]) else 2])
        if isinstance(expr, sp.Add):
            return mpmath.fsum(map(self, expr.args))
        if isinstance(expr, sp.Mul):
            return mpmath.fprod(map(self, expr.args))
        if isinstance(expr, sp.Pow):
            return self(expr.base) ** self(expr.exp)
        if type(expr) in _FUNCTIONS:
            return _FUNCTIONS[type(expr)](*map(self, expr.args))
        raise UnknownError

    def _holds(self, condition: sp.Basic) -> bool:
        if isinstance(condition, sp.And | sp.Or):
            return (all if isinstance(condition, sp.And) else any)(map(self._holds, condition.args))
        if isinstance(condition, sp.Not):
            return not self._holds(condition.args[0])
        if type(condition) not in _RELATIONS:
            raise UnknownError
        return _RELATIONS[type(condition)](*map(self, condition.args))
