"""log and log1p without a branch: at most 1 ulp off, and the same bits on every processor with FMA."""

from __future__ import annotations

import math
from typing import Any

from lossgen.runtime.vectormath.inline import inlined
from lossgen.runtime.vectormath.intrinsics import constant, fma, polynomial, split

__all__ = ["log", "log1p", "log1p_unit"]

_LOG_2 = constant(0.693145751953125, 0.6931471805598903)
_LOG_2_REST = constant(1.4286068203094173e-06, 5.497923018708371e-14)
_ROOT = constant(2.0**0.5, 2.0**0.5)
_SMALLEST_NORMAL = constant(2.0**-126, 2.0**-1022)
# A power of two that makes numbers below the normal ones normal, and its exponent.
_LIFT = constant(2.0**24, 2.0**54)
_LIFTED = constant(24.0, 54.0)
# (2*atanh(s) - 2*s) / s**3 of z = s**2, for 1 + f between the roots of 1/2 and 2.
_TAIL = polynomial(
    single=(0.6666667, 0.40000123, 0.28550816, 0.23330583),
    double=(
        0.666666666666667, 0.39999999999899444, 0.2857142862600327, 0.22222211130259878,
        0.18182889455674947, 0.15331710618210773, 0.14616585424888623,
    ),
)  # fmt: skip


@inlined
def _near(f: Any, small: Any) -> Any:
    """log(1 + f) + small, for 1 + f between the roots of 1/2 and 2."""
    real = type(f)
    s = f / (real(2) + f)
    z = s * s
    half = real(0.5) * f
    # log(1 + f) = f - f**2/2 + s*(f**2/2 + tail): only the first two are as large as the result.
    small = fma(s, fma(z, _TAIL(z), half * f), small)
    return f - fma(half, f, -small)


@inlined
def log(u: Any) -> Any:
    """Natural logarithm; -inf for 0, NaN below it; NaN in, NaN out."""
    real = type(u)
    tiny = u < _SMALLEST_NORMAL(u)
    m, k, _ = split(u * _LIFT(u) if tiny else u)
    k = k - _LIFTED(u) if tiny else k
    result = fma(k, _LOG_2(u), _near(m - real(1), k * _LOG_2_REST(u)))
    result = result if u < real(math.inf) else u
    return result if u > 0 else (real(-math.inf) if u == 0 else real(math.nan))


@inlined
def log1p(u: Any) -> Any:
    """log(1 + u), with all digits near 0; -inf for -1, NaN below it; NaN in, NaN out."""
    real = type(u)
    v = real(1) + u
    # What the sum lost, as a part of 1 + u; nothing of it counts where u is large.
    one = v - u
    lost = (u - (v - one)) + (real(1) - one)
    m, k, scale = split(v)
    lost = lost * scale if u < real(1e30) else real(0)
    f = m - real(1)
    total = f + lost
    result = fma(k, _LOG_2(u), _near(total, fma(k, _LOG_2_REST(u), (f - total) + lost)))
    result = result if u < real(math.inf) else u
    result = result if abs(u) > real(1e-30) else u
    return result if u > -1 or u != u else (real(-math.inf) if u == -1 else real(math.nan))


@inlined
def log1p_unit(u: Any) -> Any:
    """log(1 + u), for u between 0 and 1; NaN in, NaN out."""
    real = type(u)
    v = real(1) + u
    f = v - real(1)
    lost = u - f
    # Halved beyond the root of 2, which costs nothing of either.
    far = v > _ROOT(u)
    f = fma(real(0.5), v, real(-1)) if far else f
    lost = real(0.5) * lost if far else lost
    # What the sum lost counts as a part of 1 + f.
    small = fma(-lost, f, lost)
    result = _near(f, small + _LOG_2_REST(u) if far else small)
    return result + _LOG_2(u) if far else result
