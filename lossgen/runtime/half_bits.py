"""float16 and bfloat16 as 16-bit patterns, converted to and from float32.

Numba's CPU target has neither type. The conversions work on integers: they need no instruction that a
processor may lack, and the compiler makes vector code of them. float16 is converted without subnormal
float32, so a thread that flushes those to zero gets the same numbers.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

__all__ = ["NARROW", "WIDEN"]

_FRACTION = 13  # bits of a float32 fraction that float16 lacks
_EXPONENT = 0x1F << 23  # the exponent of a float16, moved to where float32 has its own
_REBIAS = (127 - 15) << 23  # from the exponent bias of float16 to that of float32
_TO_SPECIAL = (255 - 31) << 23  # from the exponent of infinities and NaN to that of float32
_FLOAT16_NORMAL = 113 << 23  # 2**-14, the smallest normal float16, as a float32 pattern
_FLOAT16_BEYOND = 143 << 23  # 2**16: what is not below is infinite in float16
_INFINITY = 0xFF << 23
_HALF = 126 << 23  # 0.5, whose last place is that of subnormal float16


def _reinterpreted(source: Any, target: Any) -> Any:
    def build(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], context.get_value_type(target))

    def typed(_context: Any, _value: Any) -> Any:
        return target(source), build

    return intrinsic(typed)


_number = _reinterpreted(types.uint32, types.float32)
_pattern = _reinterpreted(types.float32, types.uint32)


@numba.njit
def widen_float16(pattern: Any) -> Any:
    """Return the number of a float16 pattern; exact, and NaN keeps its payload."""
    magnitude = np.uint32((pattern & 0x7FFF) << _FRACTION)
    exponent = magnitude & np.uint32(_EXPONENT)
    # 2**-14 is added to the pattern and taken from the number: what stays is the fraction.
    subnormal = _pattern(
        _number(np.uint32(magnitude + np.uint32(_FLOAT16_NORMAL))) - _number(np.uint32(_FLOAT16_NORMAL))
    )
    shift = np.uint32(_TO_SPECIAL) if exponent == np.uint32(_EXPONENT) else np.uint32(_REBIAS)
    bits = subnormal if exponent == np.uint32(0) else np.uint32(magnitude + shift)
    return _number(np.uint32(bits | np.uint32((pattern & 0x8000) << 16)))


@numba.njit
def narrow_float16(number: Any) -> Any:
    """Return the float16 pattern nearest to a number, ties to even; any NaN becomes a quiet one."""
    bits = _pattern(np.float32(number))
    magnitude = np.uint32(bits & np.uint32(0x7FFFFFFF))
    even = (magnitude >> np.uint32(_FRACTION)) & np.uint32(1)
    normal = np.uint32(np.uint32(magnitude - np.uint32(_REBIAS)) + np.uint32(0xFFF) + even) >> np.uint32(
        _FRACTION
    )
    # Adding 0.5 rounds to a multiple of its last place, 2**-24.
    subnormal = np.uint32(_pattern(_number(magnitude) + _number(np.uint32(_HALF))) - np.uint32(_HALF))
    special = np.uint32(0x7E00) if magnitude > np.uint32(_INFINITY) else np.uint32(0x7C00)
    narrow = np.uint32(subnormal) if magnitude < np.uint32(_FLOAT16_NORMAL) else np.uint32(normal)
    narrow = special if magnitude >= np.uint32(_FLOAT16_BEYOND) else narrow
    return np.uint16(narrow | ((bits >> np.uint32(16)) & np.uint32(0x8000)))


@numba.njit
def widen_bfloat16(pattern: Any) -> Any:
    """Return the number of a bfloat16 pattern: the upper half of a float32."""
    return _number(np.uint32(np.uint32(pattern) << np.uint32(16)))


@numba.njit
def narrow_bfloat16(number: Any) -> Any:
    """Return the bfloat16 pattern nearest to a number, ties to even; any NaN becomes a quiet one."""
    bits = _pattern(np.float32(number))
    even = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = np.uint32(np.uint32(bits + np.uint32(0x7FFF)) + even) >> np.uint32(16)
    quiet = ((bits >> np.uint32(16)) & np.uint32(0x8000)) | np.uint32(0x7FC0)
    is_nan = np.uint32(bits & np.uint32(0x7FFFFFFF)) > np.uint32(_INFINITY)
    return np.uint16(quiet if is_nan else rounded)


WIDEN = {"float16": widen_float16, "bfloat16": widen_bfloat16}
NARROW = {"float16": narrow_float16, "bfloat16": narrow_bfloat16}
