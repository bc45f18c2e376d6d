"""Memory of large results, handed out again when nobody holds the earlier array any more.

Allocators return large blocks to the system at once, and the system clears every page of the next one, which
takes longer than most kernels. A few blocks are kept instead, up to a limit (`reuse`).
"""

from __future__ import annotations

import math
import sys
import threading
from typing import Any

import numpy as np

from lossgen.runtime.arrays import Array
from lossgen.runtime.reuse import limit, on_change

__all__ = ["LEAST", "Store", "fresh"]

# Memory below this size the C library keeps by itself.
LEAST = 2**25
# More blocks of one size are in use at once only where somebody collects results.
MOST_OF_A_SIZE = 4
# Sizes are rounded up to this, so that blocks serve results of nearly equal size.
GRAIN = 2**21


def _references(blocks: list[Any], place: int) -> int:
    return sys.getrefcount(blocks[place])


# What it is for a block that is in no array: views of views refer to the block itself.
_UNUSED = _references([object()], 0)


class Store:
    """The blocks that are kept, the one that was used last at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: list[Array] = []

    @property
    def kept(self) -> int:
        """Number of bytes of all blocks, in use or not."""
        return sum(block.nbytes for block in self._blocks)

    def array(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
        """Return an array in a block that nobody uses, None if there is no room for one more."""
        size = math.prod(shape) * dtype.itemsize
        rounded = -(-size // GRAIN) * GRAIN
        with self._lock:
            places = [place for place, block in enumerate(self._blocks) if block.nbytes == rounded]
            unused = [place for place in places if _references(self._blocks, place) == _UNUSED]
            if unused:
                self._blocks.append(self._blocks.pop(unused[-1]))
            elif len(places) < MOST_OF_A_SIZE and self._make_room(rounded):
                self._blocks.append(np.empty(rounded, np.uint8))
            else:
                return None
            return self._blocks[-1][:size].view(dtype).reshape(shape)

    def shrink(self) -> None:
        """Let go of unused blocks until the limit is kept."""
        with self._lock:
            self._make_room(0)

    def _make_room(self, size: int) -> bool:
        most = limit() if _counts_references() else 0
        place = 0
        while self.kept + size > most and place < len(self._blocks):
            if _references(self._blocks, place) == _UNUSED:
                del self._blocks[place]
            else:
                place += 1
        return self.kept + size <= most


def _counts_references() -> bool:
    # Without the interpreter lock, references are counted in several places.
    enabled = getattr(sys, "_is_gil_enabled", None)
    return sys.implementation.name == "cpython" and (enabled is None or bool(enabled()))


_store = Store()
on_change(_store.shrink)


def fresh(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array of undefined content that nobody else holds."""
    if math.prod(shape) * dtype.itemsize >= LEAST:
        array = _store.array(shape, dtype)
        if array is not None:
            return array
    return np.empty(shape, dtype)
