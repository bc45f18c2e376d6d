"""exp, expm1 and tanh without a branch: at most 1 ulp off, and the same bits on every processor with FMA."""

from __future__ import annotations

from typing import Any

from lossgen.runtime.vectormath.inline import inlined
from lossgen.runtime.vectormath.intrinsics import constant, fma, polynomial, power_of_two, scaled

__all__ = ["exp", "expm1", "tanh"]

_LOG2_E = constant(1.4426950408889634, 1.4426950408889634)
# log(2) in two parts; the first has zeros at its end, so that its product with an exponent is exact.
_LOG_2 = constant(0.693145751953125, 0.6931471805598903)
_LOG_2_REST = constant(1.4286068203094173e-06, 5.497923018708371e-14)
# Beside it numbers are rounded to integers.
_MAGIC = constant(1.5 * 2.0**23, 1.5 * 2.0**52)
# Where exp is 0 or infinite after rounding, whatever lies beyond.
_LOWEST = constant(-104.5, -746.5)
_HIGHEST = constant(89.5, 710.5)
# Where expm1 is -1, tanh of the half -1 and expm1 infinite after rounding.
_LOWEST_M1 = constant(-20.0, -40.0)
_HIGHEST_M1 = constant(89.0, 710.0)
# (exp(r) - 1 - r) / r**2 between -log(2)/2 and log(2)/2.
_TAIL = polynomial(
    single=(0.5, 0.16666667, 0.041666467, 0.0083333105, 0.001393365, 0.00019890991),
    double=(
        0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326136, 0.0013888888888883748,
        0.00019841269874820627, 2.4801587325547743e-05, 2.7557255400206422e-06, 2.75572736431103e-07,
        2.5105217004720745e-08, 2.0914686968086876e-09,
    ),
)  # fmt: skip


@inlined
def _reduced(u: Any, small: Any) -> Any:
    """With e**(u + small) = 2**k * (1 + first + second): k beside the magic number, k, first, and the much
    smaller second. `small` is lost beside u.
    """
    beside = fma(u, _LOG2_E(u), _MAGIC(u))
    k = beside - _MAGIC(u)
    above = fma(-k, _LOG_2(u), u)
    r = fma(-k, _LOG_2_REST(u), above + small)
    return beside, k, above, fma(-k, _LOG_2_REST(u), small + r * r * _TAIL(r))


@inlined
def exp_of_sum(u: Any, small: Any) -> Any:
    """e**(u + small), for a `small` that is lost beside u."""
    # Where the result is the same, and the exponents of powers of two fit their bits.
    u = _LOWEST(u) if u < _LOWEST(u) else u
    u = _HIGHEST(u) if u > _HIGHEST(u) else u
    beside, _, first, second = _reduced(u, small)
    return scaled(type(u)(1) + (first + second), beside)


@inlined
def exp(u: Any) -> Any:
    """e**u; NaN in, NaN out."""
    # The compiler drops additions of -0.
    return exp_of_sum(u, type(u)(-0.0))


@inlined
def _expm1_parts(u: Any) -> Any:
    """(exp(u) - 1)/2 as a sum of two numbers, the second much smaller."""
    real = type(u)
    u = _LOWEST_M1(u) if u < _LOWEST_M1(u) else u
    u = _HIGHEST_M1(u) if u > _HIGHEST_M1(u) else u
    _, k, first, second = _reduced(u, real(-0.0))
    # Half of all, for 2**k may just be too large.
    scale = power_of_two(k - real(1))
    whole = scale - real(0.5)
    back = whole - scale
    whole_lost = (scale - (whole - back)) - (real(0.5) + back)
    part = scale * first
    total = whole + part
    # The larger one first: then the difference is exact.
    rest = (part - total) + whole if abs(part) > abs(whole) else (whole - total) + part
    return total, rest + fma(scale, second, whole_lost)


@inlined
def expm1(u: Any) -> Any:
    """e**u - 1, with all digits near 0; NaN in, NaN out."""
    real = type(u)
    total, rest = _expm1_parts(u)
    # What is very small stays as it is: halved it could lose a digit.
    return u if abs(u) < real(1e-30) else real(2) * (total + rest)


@inlined
def tanh(u: Any) -> Any:
    """Hyperbolic tangent; NaN in, NaN out."""
    real = type(u)
    # With e = exp(-2*|u|) - 1 it is -e / (2 + e); e is a sum of two numbers.
    total, rest = _expm1_parts(real(-2) * abs(u))
    above = total + rest
    below = real(1) + above
    quotient = above / below
    # What the division and both sums lost.
    lost = (total - above) + rest
    remainder = fma(-quotient, below, above) + fma(-quotient, ((real(1) - below) + above) + lost, lost)
    quotient += remainder / below
    # e is never positive: nor is the quotient.
    return u if abs(u) < real(1e-30) else (quotient if u < 0 else -quotient)
