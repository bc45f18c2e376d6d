"""The same functions by the C library, for processors without fused multiply-add."""

from __future__ import annotations

import math
from typing import Any

from lossgen.runtime.vectormath.inline import inlined

__all__ = ["exp", "expm1", "log", "log1p", "log1p_unit", "power", "tanh"]


@inlined
def exp(u: Any) -> Any:
    """e**u."""
    return math.exp(u)


@inlined
def expm1(u: Any) -> Any:
    """e**u - 1."""
    return math.expm1(u)


@inlined
def log(u: Any) -> Any:
    """Natural logarithm."""
    return math.log(u)


@inlined
def log1p(u: Any) -> Any:
    """log(1 + u)."""
    return math.log1p(u)


@inlined
def log1p_unit(u: Any) -> Any:
    """log(1 + u), for u between 0 and 1."""
    return math.log1p(u)


@inlined
def tanh(u: Any) -> Any:
    """Hyperbolic tangent."""
    return math.tanh(u)


@inlined
def power(a: Any, b: Any) -> Any:
    """a**b."""
    return a**b
