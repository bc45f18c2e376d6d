"""Functions of series of which flint loses digits far out or near 0."""

from __future__ import annotations

from typing import Any

from flint import arb, arb_series, ctx

Series = Any

# From here on erfc is known by its asymptotic series.
_FAR_OUT = 1000


def exponential_less_one(a: Series) -> Series:
    """exp(a) - 1, to all digits near 0."""
    grown, value = a.exp(), a[0]
    # flint loses digits at tiny numbers, where the result is the number itself.
    tiny = abs(value) < arb(2) ** -ctx.prec
    less = value * arb(1, arb(2) ** -ctx.prec) if tiny else value.expm1()
    return arb_series([less, *(grown[k] for k in range(1, ctx.cap))])


def tail(a: Series) -> Series:
    """erfc(a); far out by the confluent function that is left beside its exponential."""
    known = a.erfc()
    if not a[0] > _FAR_OUT:
        return known
    square = a[0] * a[0]
    value = (-square).exp() * arb.hypgeom_u(square, arb(0.5), arb(0.5)) / arb.pi().sqrt()
    return arb_series([value, *(known[k] for k in range(1, ctx.cap))])
