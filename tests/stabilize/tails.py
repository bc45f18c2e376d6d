"""Tails in float64, by SciPy and by forms other than those of the kernels."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from scipy import special

from lossgen.algebra import vocabulary as vo


def _erfcxgap(a: Any) -> Any:
    """The continued fraction of the tail beyond its first part."""
    if a < 3:
        return float(mpmath.exp(-(mpmath.mpf(a) ** 2)) / mpmath.erfc(a) / mpmath.sqrt(mpmath.pi) - a)
    rest = a
    for k in range(60, 1, -1):
        rest = a + k / 2 / rest
    return 0.5 / rest


def _log1mexpexp(a: Any) -> Any:
    return a if a < -40 else np.log(-np.expm1(-np.exp(a))) if a < 0 else np.log1p(-np.exp(-np.exp(a)))


def _expshare(a: Any) -> Any:
    return 1.0 if a < -40 else np.exp(a - np.exp(a)) / -np.expm1(-np.exp(a))


def _expshareslope(a: Any) -> Any:
    u = np.exp(a)
    if u < 0.5:
        above = sum(u ** (k - 1) * (k - 1) / math.factorial(k) for k in range(30, 1, -1))
        return above * (u / np.expm1(u)) ** 2
    return u * np.exp(-u) * (u - 1 + np.exp(-u)) / np.expm1(-u) ** 2


TAILS: dict[type, Callable[..., Any]] = {
    vo.expgap: lambda a, b: (
        np.exp(b) * sum((a - b) ** k / math.factorial(k) for k in range(40, 1, -1))
        if abs(a - b) < 0.5
        else np.exp(a) - np.exp(b) * (1 + a - b)
    ),
    vo.logerfc: lambda a: np.log(special.erfcx(a)) - a * a if a > 0.5 else np.log1p(-special.erf(a)),
    vo.loghalferfc: lambda a: (
        np.log(special.erfcx(a) / 2) - a * a if a > 0 else np.log1p(-special.erfc(-a) / 2)
    ),
    vo.loginverfcx: lambda a: -np.log(special.erfcx(a)) if a > 0.5 else -a * a - np.log1p(-special.erf(a)),
    vo.tail: special.erfc,
    vo.inverfcx: lambda a: 1 / special.erfcx(a),
    vo.erfcxgap: _erfcxgap,
    vo.log1mexpexp: _log1mexpexp,
    vo.expshare: _expshare,
    vo.expshareslope: _expshareslope,
}
