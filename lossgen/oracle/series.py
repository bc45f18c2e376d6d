"""Truncated power series over real balls, with the conventions that losses have at kinks.

A number is a `flint.arb_series` whose variable e runs along a curve of inputs; coefficient 0 is the value.
Along ``x + e u`` coefficient 1 is the derivative by u and twice coefficient 2 the second one. Along ``x + e^2
u + e^3 v`` coefficient 5 is the mixed second derivative, and nothing else: 5 is no other sum of twos and
threes. Every choice (comparison, sign, sort) is made on coefficient 0. Zero times an infinity is zero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flint import arb, arb_series, ctx

from lossgen.oracle.special import exponential_less_one, tail

Series = Any
Ball = Any

# Numbers that agree in so many bits are equal: differences of inputs of any exponent need fewer.
_TIE_BITS = 2048
_AGREED_BITS = 1536

# A value this many bits finer than asked for is as good as exact to rounding.
_SPARE_BITS = 32

# Numbers of coefficients kept: up to the first, the second and the mixed derivative.
FIRST, SECOND, MIXED = 2, 3, 6


class UndecidedError(Exception):
    """The balls are too wide to decide a comparison or to stay inside a domain: more precision is needed."""


@dataclass
class Infinities:
    """How many exact infinities an evaluation has met.

    After one a NaN is the truth (0 * inf), without one it is lack of precision.
    """

    met: int = 0


infinities = Infinities()


class SingularError(Exception):
    """The exact derivative does not exist or is infinite at this point."""


def compare(a: Series, b: Series) -> int:
    """Return -1, 0 or 1 for the order of the values."""
    left, right = a[0], b[0]
    if left < right:
        return -1
    if left > right:
        return 1
    if left.is_exact() and right.is_exact() and left == right:
        return 0
    difference = left - right
    if difference.is_zero():
        return 0
    if ctx.prec >= _TIE_BITS and left.is_finite():
        identical = left.mid() == right.mid() and left.rad() == right.rad()
        if identical or abs(difference) < abs(left) * arb(2) ** -_AGREED_BITS:
            return 0
    raise UndecidedError("comparison")


def order(keys: Sequence[Series], descending: bool) -> list[int]:
    """Return the positions of the keys in sorted order; equal keys stay in their order."""
    sign = -1 if descending else 1

    def earlier(first: int, second: int) -> int:
        return sign * compare(keys[first], keys[second])

    return sorted(range(len(keys)), key=functools.cmp_to_key(earlier))


def constant(ball: Any) -> Series:
    """Return the series without higher terms."""
    return arb_series([ball])


ZERO = arb_series([0])


def _sign(a: Series) -> int:
    return compare(a, ZERO)


def absolute(a: Series) -> Series:
    """|a|, flat at 0."""
    sign = _sign(a)
    return a if sign > 0 else -a if sign < 0 else constant(0)


def sign(a: Series) -> Series:
    """The sign, a constant to every derivative."""
    return constant(_sign(a))


def maximum(a: Series, b: Series, split: bool) -> Series:
    """The larger one; at a tie their mean (`split`), or a constant: ``Max(a, 0)`` has derivative 0 there."""
    order_ = compare(a, b)
    return a if order_ > 0 else b if order_ < 0 else (a + b) / 2 if split else constant(a[0])


def minimum(a: Series, b: Series, split: bool) -> Series:
    """The smaller one; ties as in `maximum`."""
    return -maximum(-a, -b, split)


def divide(a: Series, b: Series) -> Series:
    """A / b; a division by an exact zero gives an infinity of the sign of `a`."""
    below = b[0]
    if not below.contains(0):
        return a / b
    if not below.is_zero():
        raise UndecidedError("division")
    if ctx.cap > 1:
        raise SingularError("division by zero")
    if not _sign(a):
        raise SingularError("zero divided by zero")
    infinities.met += 1
    return constant(arb("inf") * _sign(a))


def logarithm(a: Series) -> Series:
    """log(a), -inf at an exact zero."""
    value = a[0]
    if value > 0:
        return a.log()
    if value < 0:
        raise SingularError("logarithm of a negative number")
    if not value.is_zero():
        raise UndecidedError("logarithm")
    if ctx.cap > 1:
        raise SingularError("logarithm of zero")
    infinities.met += 1
    return constant(arb("-inf"))


def log_ratio(above: Series, below: Series, difference: Series) -> Series:
    """log(above / below); where they are close, from their difference, which is known exactly."""
    if not 2 * abs(difference[0]) < abs(below[0]):
        return logarithm(divide(above, below))
    excess = difference / below
    slopes = (1 + excess).log()
    return arb_series([excess[0].log1p(), *(slopes[k] for k in range(1, ctx.cap))])


def _linear() -> tuple[int, ...]:
    """The coefficients that are first derivatives."""
    return () if ctx.cap == 1 else (2, 3) if ctx.cap == MIXED else (1,)


def without_first(a: Series) -> Series:
    """The series without what moves along the first direction."""
    first = (1,) if ctx.cap == FIRST else (2, 5)
    return arb_series([0 if k in first else a[k] for k in range(ctx.cap)])


def rounded(a: Series, bits: int) -> Series:
    """The series with its value rounded to so many bits."""
    value = a[0]
    if value.is_zero():
        return a
    if value.contains(0) or value.rad() > abs(value.mid()) * arb(2) ** (-bits - _SPARE_BITS):
        raise UndecidedError("rounding")
    mantissa, exponent = (int(part) for part in value.mid().man_exp())
    excess = max(0, abs(mantissa).bit_length() - bits)
    nearest = (abs(mantissa) + (1 << excess >> 1)) >> excess
    whole = arb((nearest if mantissa > 0 else -nearest, exponent + excess))
    return arb_series([whole, *(a[k] for k in range(1, ctx.cap))])


def varying(a: Series) -> Series:
    """The series without its value: exactly what ``a - detach(a)`` is."""
    return arb_series([0, *(a[k] for k in range(1, ctx.cap))])


def root(a: Series) -> Series:
    """sqrt(a); flat where the argument is 0 to first order, which is the norm at 0."""
    value = a[0]
    if value > 0:
        return a.sqrt()
    if value < 0:
        raise SingularError("square root of a negative number")
    if not value.is_zero():
        raise UndecidedError("square root")
    if not all(a[k].is_zero() for k in _linear()):
        raise SingularError("square root at zero")
    return constant(0)


def integer_power(a: Series, exponent: int) -> Series:
    """A ** exponent for a positive integer."""
    result, square = None, a
    while exponent:
        if exponent & 1:
            result = square if result is None else result * square
        exponent >>= 1
        if exponent:
            square = square * square
    return result


def power(a: Series, exponent: Series) -> Series:
    """A ** exponent for a base that is never negative."""
    value = a[0]
    if value > 0:
        return (exponent * a.log()).exp()
    number = exponent[0]
    fixed = all(exponent[k].is_zero() for k in range(1, ctx.cap))
    whole = number.unique_fmpz() if fixed and number.is_exact() and number.is_integer() else None
    if whole is not None and 0 <= int(whole) < 64:
        return integer_power(a, int(whole)) if int(whole) else constant(1)
    if value < 0:
        raise SingularError("power of a negative number")
    if not (number > 0 and fixed):
        if value.is_zero():
            raise SingularError("power at zero")
        raise UndecidedError("power")
    return _power_near_zero(a, number)


def _power_near_zero(a: Series, exponent: Ball) -> Series:
    # The base is a ball around 0 whose true value is not negative: bound every coefficient over [0, upper].
    upper = a[0].abs_upper()
    exact = a[0].is_zero()

    def scale(e: Ball) -> Ball:
        if e > 0:
            return arb(0) if exact else arb(0).union(arb(upper) ** e)
        if e.is_zero():
            return arb(1)
        raise SingularError("power at zero") if exact else UndecidedError("power")

    def slope(by: Ball) -> Ball:
        return arb(0) if by.is_zero() else exponent * scale(exponent - 1) * by

    def bend(by: Ball) -> Ball:
        return arb(0) if by.is_zero() else exponent * (exponent - 1) * scale(exponent - 2) * by

    coefficients = [scale(exponent)]
    if ctx.cap in (FIRST, SECOND):
        coefficients.append(slope(a[1]))
    if ctx.cap == SECOND:
        coefficients.append(slope(a[2]) + bend(a[1] * a[1]) / 2)
    if ctx.cap == MIXED:
        # Coefficient 4 is a pure second derivative, which nothing asks for and nothing mixes into
        # coefficient 5.
        coefficients += [arb(0), slope(a[2]), slope(a[3]), arb(0), slope(a[5]) + bend(a[2] * a[3])]
    return arb_series(coefficients)


def hyperbolic_tangent(a: Series) -> Series:
    """Tanh by its definition."""
    grown = (2 * a).exp()
    if grown[0].contains(-1):
        raise UndecidedError("tanh")
    return (grown - 1) / (grown + 1)


FUNCTIONS: dict[str, Callable[..., Series]] = {
    "Abs": absolute,
    "sign": sign,
    "log": logarithm,
    "LogRatio": log_ratio,
    "Expm1": exponential_less_one,
    "Erfc": tail,
    "exp": lambda a: a.exp(),
    "sqrt": root,
    "tanh": hyperbolic_tangent,
    "sinh": lambda a: (a.exp() - (-a).exp()) / 2,
    "cosh": lambda a: (a.exp() + (-a).exp()) / 2,
    "sech": lambda a: 2 / (a.exp() + (-a).exp()),
    "asinh": lambda a: (a + (a * a + 1).sqrt()).log(),
    "atanh": lambda a: logarithm((1 + a) / (1 - a)) / 2,
    "sin": lambda a: a.sin(),
    "cos": lambda a: a.cos(),
    "tan": lambda a: a.tan(),
    "atan": lambda a: a.atan(),
    "asin": lambda a: a.asin(),
    "acos": lambda a: a.acos(),
    "erf": lambda a: a.erf(),
    "erfc": tail,
    "gamma": lambda a: a.gamma(),
    "loggamma": lambda a: a.lgamma(),
}
