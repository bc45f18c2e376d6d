"""Fits a polynomial to a function of one small quantity, tight enough for float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest

import mpmath
import sympy as sp

from lossgen.algebra.polynomials import polynomial
from lossgen.stabilize.regimes.numbers import Number, UnknownError

Function = Callable[[Number], Number]

# Relative error of a fit, and the number of nodes: even, so that none of them is 0.
TOLERANCE = mpmath.mpf(2) ** -57
NODES = 24
# Below this share of the largest value a coefficient is left out.
_NEGLIGIBLE = mpmath.mpf(2) ** -60
# How much larger than its value the terms of a polynomial may be.
_CONDITION = 4
# A fraction that agrees so well is what the coefficient is.
_EXACT = mpmath.mpf(10) ** -30
_LARGEST_DENOMINATOR = 1000
_TINY = mpmath.mpf(2) ** -60
_CHECKS = tuple(mpmath.mpf(k) / 32 + mpmath.mpf(1) / 97 for k in range(1, 31, 3))


@dataclass(frozen=True)
class Series:
    """``u**order * P(w)`` for ``|u| < width``, with w one of u, u**2 and |u|; `kink`: times the sign of u."""

    order: int
    argument: str
    kink: bool
    coefficients: tuple[sp.Rational, ...]
    width: sp.Rational

    def power(self, u: sp.Expr) -> sp.Expr:
        """Return the factor that vanishes with u."""
        if not self.kink:
            return u**self.order
        return sp.Abs(u) ** self.order if self.order % 2 else sp.sign(u) * u**self.order

    def polynomial(self, u: sp.Expr) -> sp.Expr:
        """Return the factor that does not vanish."""
        w = {"plain": u, "square": u**2, "absolute": sp.Abs(u)}[self.argument]
        return polynomial(w, *self.coefficients) if len(self.coefficients) > 1 else self.coefficients[0]


def leading_order(function: Function) -> int | None:
    """Return k if the function is about a multiple of u**k near 0."""
    a, b = function(_TINY), function(_TINY / 2)
    if a == 0 or b == 0:
        return None
    power = mpmath.log(abs(a / b), 2)
    order = int(mpmath.nint(power))
    return order if order >= 0 and abs(power - order) < mpmath.mpf(2) ** -20 else None


def fit(function: Function, width: sp.Rational) -> Series | None:
    """Return a polynomial for ``|u| < width``, or None where none of a sane degree is accurate."""
    order = leading_order(function)
    if order is None:
        return None
    t = mpmath.mpf(int(width.p)) / int(width.q)
    known: dict[Number, Number] = {}

    def rest(u: Number) -> Number:
        if u not in known:
            known[u] = function(u) / u**order
        return known[u]

    for argument, kink in _shapes(rest, t):
        coefficients = _coefficients(rest, t, argument)
        if coefficients is not None:
            return Series(order, argument, kink, coefficients, width)
    return None


def _shapes(rest: Function, t: Number) -> tuple[tuple[str, bool], ...]:
    """Return the arguments that suit the symmetry of a function, and whether it has a kink at 0."""
    right = rest(t / 3)
    try:
        left = rest(-t / 3)
    except UnknownError:  # beyond the domain
        return (("absolute", False),)
    if abs(right - left) <= TOLERANCE * abs(right):
        return ("square", False), ("absolute", False)
    return (("absolute", True),) if abs(right + left) <= TOLERANCE * abs(right) else (("plain", False),)


def _coefficients(rest: Function, t: Number, argument: str) -> tuple[sp.Rational, ...] | None:
    low, high = (-t if argument == "plain" else mpmath.mpf(0)), t
    inner = rest
    if argument == "square":
        high = t * t

        def inner(w: Number) -> Number:
            return rest(mpmath.sqrt(w))

    found = _interpolated(inner, low, high)
    if not _accurate(inner, found, low, high):
        return None
    return tuple(map(_rational, found))


def _interpolated(inner: Function, low: Number, high: Number) -> list[Number]:
    """Return the coefficients, lowest first, of the Chebyshev series as far as it counts."""
    middle, half = (low + high) / 2, (high - low) / 2
    angles = [mpmath.pi * (2 * k + 1) / (2 * NODES) for k in range(NODES)]
    values = [inner(middle + half * mpmath.cos(angle)) for angle in angles]
    largest = max(map(abs, values))
    weights = [
        2 * mpmath.fsum(v * mpmath.cos(j * a) for v, a in zip(values, angles, strict=True)) / NODES
        for j in range(NODES)
    ]
    weights[0] /= 2
    while len(weights) > 1 and abs(weights[-1]) < _NEGLIGIBLE * largest:
        weights.pop()
    # The recurrence of the polynomials T of z = (w - middle) / half, with coefficients by powers of w.
    before, now = [mpmath.mpf(1)], [-middle / half, 1 / half]
    total = [weights[0]]
    for weight in weights[1:]:
        total = _plus(total, [weight * c for c in now])
        shifted = _plus([-2 * middle / half * c for c in now], [mpmath.mpf(0), *(2 / half * c for c in now)])
        before, now = now, _plus(shifted, [-c for c in before])
    return total


def _plus(a: list[Number], b: list[Number]) -> list[Number]:
    return [x + y for x, y in zip_longest(a, b, fillvalue=mpmath.mpf(0))]


def _accurate(inner: Function, found: list[Number], low: Number, high: Number) -> bool:
    for check in _CHECKS:
        w = low + (high - low) * check
        true = inner(w)
        parts = [c * w**k for k, c in enumerate(found)]
        if mpmath.fsum(map(abs, parts)) > _CONDITION * abs(true):
            return False
        if abs(mpmath.fsum(parts) - true) > TOLERANCE * abs(true):
            return False
    return True


def _rational(value: Number) -> sp.Rational:
    """Return a coefficient that is a simple fraction as such, any other rounded to float64."""
    simple = sp.Rational(Fraction(float(value)).limit_denominator(_LARGEST_DENOMINATOR))
    error = abs(value - mpmath.mpf(int(simple.p)) / int(simple.q))
    return simple if error <= _EXACT else sp.Rational(float(value))
