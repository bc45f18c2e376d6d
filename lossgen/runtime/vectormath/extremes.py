"""The largest or smallest number of an array and its position, in vector registers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from lossgen.runtime.vectormath.inline import inlined

__all__ = ["larger", "smaller"]

# Numbers among which the largest one is looked for before its position is: a few hundred cost no more to look
# at twice.
_PIECE = 256


def _larger_of(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger of two numbers, neither of them NaN; which zero is the larger one is not said.

    With these promises a loop over it runs in vector registers.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one, two = arguments
        promises = ("nnan", "nsz")
        return builder.select(builder.fcmp_ordered(">", two, one, flags=promises), two, one, flags=promises)

    return (a(a, b), emit) if a == b and a in (types.float32, types.float64) else None


_of_two: Any = intrinsic(_larger_of)


@inlined
def _position(terms: Any, wanted: Any) -> Any:
    """Position of the first number that equals `wanted`, or of the first NaN if that is wanted."""
    for i in range(terms.shape[0]):
        if terms[i] == wanted or (terms[i] != terms[i] and wanted != wanted):
            return i
    return 0


@inlined
def _extreme(terms: Any, sign: Any) -> Any:
    """Position of the first number with the largest sign * number; of the first NaN if there is one."""
    best, found = sign * terms[0], 0
    for k in range(-(-terms.shape[0] // _PIECE)):
        piece = terms[k * _PIECE : (k + 1) * _PIECE]
        here, odd = sign * piece[0], False
        for i in range(piece.shape[0]):
            here = _of_two(here, sign * piece[i])
            odd |= piece[i] != piece[i]
        # Asked first: with a NaN inside nothing is known about the largest number.
        if odd:
            return k * _PIECE + _position(piece, terms.dtype.type(np.nan))
        if here > best:
            best, found = here, k
    piece = terms[found * _PIECE : (found + 1) * _PIECE]
    return found * _PIECE + _position(piece, sign * best)


@inlined
def larger(best: Any, place: Any, terms: Any, first: Any) -> Any:
    """Maximum so far and its first position, with an array that starts at position `first`; the first NaN
    stays.
    """
    if terms.shape[0] > 0:
        at = _extreme(terms, type(best)(1))
        found = terms[at]
        if found > best or (found != found and best == best):
            return found, first + at
    return best, place


@inlined
def smaller(best: Any, place: Any, terms: Any, first: Any) -> Any:
    """Minimum so far and its first position, with an array that starts at position `first`; the first NaN
    stays.
    """
    if terms.shape[0] > 0:
        at = _extreme(terms, type(best)(-1))
        found = terms[at]
        if found < best or (found != found and best == best):
            return found, first + at
    return best, place
