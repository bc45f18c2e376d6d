"""Powers without a branch: the logarithm is kept in two numbers, for its error grows with the exponent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lossgen.runtime.vectormath.exponential import exp, exp_of_sum
from lossgen.runtime.vectormath.inline import inlined
from lossgen.runtime.vectormath.intrinsics import IS_SINGLE, fma, polynomial, split
from lossgen.runtime.vectormath.logarithm import log

__all__ = ["power"]

_LOG_2, _LOG_2_REST = 0.6931471805598903, 5.497923018708371e-14
_THIRDS, _THIRDS_REST = 0.6666666666666666, 3.700743415417188e-17
# (2*atanh(s) - 2*s - 2/3*s**3) / s**5 of z = s**2, for 1 + f between the roots of 1/2 and 2.
_TAIL = polynomial(
    single=(),
    double=(
        0.40000000000000024, 0.2857142857133851, 0.2222222227110234, 0.18181808247544543,
        0.15385574796462032, 0.13285957435193352, 0.1291361767218225,
    ),
)  # fmt: skip


@inlined
def _log_parts(u: Any) -> Any:
    """log(u) as a sum of two float64, for u > 0."""
    tiny = u < 2.0**-1022
    m, k, _ = split(u * 2.0**54 if tiny else u)
    k = k - 54.0 if tiny else k
    f = m - 1.0
    d = 2.0 + f
    s = f / d
    s_rest = (fma(-s, d, f) - s * (f - (d - 2.0))) / d
    z = s * s
    z_rest = fma(s, s, -z) + 2.0 * s * s_rest
    # log(1 + f) = 2*s + s**3*(2/3 + z*tail)
    cube = s * z
    cube_rest = fma(s, z, -cube) + s * z_rest + s_rest * z
    tail = z * _TAIL(z)
    factor = _THIRDS + tail
    factor_rest = ((_THIRDS - factor) + tail) + _THIRDS_REST
    third = cube * factor
    third_rest = fma(cube, factor, -third) + cube * factor_rest + cube_rest * factor
    whole = k * _LOG_2
    first = whole + 2.0 * s
    first_rest = (whole - first) + 2.0 * s
    total = first + third
    rest = ((first - total) + third) + (first_rest + (2.0 * s_rest + third_rest + k * _LOG_2_REST))
    unbounded = u == 0.0 or not u < math.inf
    return (log(u) if unbounded else total), (0.0 if unbounded else rest)


@inlined
def _magnitude(a: Any, b: Any) -> Any:
    """|a|**b for everything but the exponent 0 and the base 1."""
    real = type(a)
    if IS_SINGLE(a) > 0:
        return real(exp(np.float64(b) * log(np.float64(abs(a)))))
    logarithm, rest = _log_parts(np.float64(abs(a)))
    exponent = np.float64(b) * logarithm
    # Far out the result is 0 or infinite whatever is lost, and infinity minus infinity would be NaN.
    lost = fma(np.float64(b), logarithm, -exponent) + b * rest if abs(exponent) < 1e4 else 0.0
    total = exponent + lost
    return real(exp_of_sum(total, (exponent - total) + lost if lost != 0.0 else 0.0))


@inlined
def power(a: Any, b: Any) -> Any:
    """a**b as the C library has it: a negative base has powers of integer exponents only."""
    real = type(a)
    base = abs(a)
    # Exact but for one rounding, and all that is left where the compiler knows the exponent.
    size = base if b == 1 else base * base if b == 2 else _magnitude(a, b)
    size = real(1) if b == 0 or abs(a) == 1 else size
    half = real(0.5) * b
    negative = a < 0 or (a == 0 and real(1) / a < 0)
    odd = np.floor(b) == b and np.floor(half) != half
    none = a < 0 and a > -math.inf and np.floor(b) != b
    size = b if abs(a) == 1 and b != b and a != 1 else size
    result = -size if negative and odd else size
    return real(math.nan) if none else result
