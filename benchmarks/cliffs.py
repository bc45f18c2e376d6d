"""Whether a call takes much longer where sizes, addresses, strides or threads are awkward."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import lossgen
import lossgen.losses as L
from benchmarks.cases import BINARY, CLASSES, Case
from benchmarks.contestants.ours import reused
from benchmarks.timing import Run, interleave

# Of vectors and cache lines, and one element beside them; in elements of 4 bytes, 1024 of them a page.
_OFFSETS = (0, 1, 2, 3, 4, 8, 12, 15, 16, 1024, 1025)
_STRIDES = (2, 3, 4, 7, 8, 16)
# Seconds of measuring for each call.
_SECONDS = 0.1


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes
    ----------
    powers : sequence of int
        Of two: the numbers of elements.
    classes : sequence of int
        Numbers of classes.
    scores : int
        How many scores there are with each number of classes.
    size : int
        Number of elements where something else is awkward.
    rows : int
        Rows of 1000 classes that threads share.
    """

    powers: tuple[int, ...] = tuple(range(8, 25, 2))
    classes: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512, 1024)
    scores: int = 2**21
    size: int = 2**20
    rows: int = 4096


SMALL = Extent((8, 10), (8, 16), 2**10, 2**12, 4)


def cliffs(extent: Extent = Extent()) -> Iterator[tuple[str, float]]:
    """Yield what is awkward, and how many times as long as what is not it takes."""
    yield from _sizes(extent)
    yield from _addresses(extent.size)
    yield from _strides(extent.size)
    yield from _threads(extent)


def _sizes(extent: Extent) -> Iterator[tuple[str, float]]:
    """Each power of two and its neighbours: the slowest of the three over the quickest, by element."""
    series = [(BINARY, (2**power,)) for power in extent.powers]
    series += [(CLASSES, (extent.scores // classes, classes)) for classes in extent.classes]
    for loss, (*rows, last) in series:
        cases = [Case(loss, (*rows, last + step)) for step in (-1, 0, 1)]
        runs = {case.size: reused(case, case.inputs()) for case in cases}
        result = interleave(cases[0], runs, _SECONDS)
        paces = [result.median(case.size) / case.shape[-1] for case in cases]
        yield f"{loss} {cases[1].size} ± 1", max(paces) / min(paces)


def _call(x: Any, y: Any, out: Any) -> Run:
    return Run(partial(L.all()[BINARY].value_and_grad, x, y, out=out))


def _addresses(size: int) -> Iterator[tuple[str, float]]:
    """Arrays that begin anywhere in a vector, a cache line or a page, and all of them at the same place."""
    case = Case(BINARY, (size,))
    wide = Case(BINARY, (size + 4096,)).inputs()
    result_memory = np.empty_like(wide["x"])

    def at(array: Any, place: int) -> Any:
        """The part that begins so many elements after a page does."""
        start = -(array.ctypes.data // 4) % 1024 + place
        return array[start : start + size]

    runs = {
        f"offset {k}": _call(at(wide["x"], k), at(wide["y"], k), at(result_memory, k)) for k in _OFFSETS
    } | {
        f"output at offset {k}": _call(at(wide["x"], 0), at(wide["y"], 0), at(result_memory, k))
        for k in _OFFSETS[1:]
    }
    result = interleave(case, runs, _SECONDS)
    first = result.median("offset 0")
    for name in runs:
        if name != "offset 0":
            yield f"{BINARY} {case.size}, {name}", result.median(name) / first


def _strides(size: int) -> Iterator[tuple[str, float]]:
    """Every k-th element: beside the time of a copy by NumPy and a call on what it has copied."""
    case = Case(BINARY, (size,))
    given = case.inputs()
    wide = np.zeros(size * max(_STRIDES), np.float32)
    out, copy = np.empty_like(given["x"]), np.empty_like(given["x"])
    runs = {"whole": _call(given["x"], given["y"], out)}
    for k in _STRIDES:
        strided = wide[: size * k : k]
        strided[:] = given["x"]
        runs[f"stride {k}"] = _call(strided, given["y"], out)
        runs[f"copy {k}"] = Run(partial(np.copyto, copy, strided))
    result = interleave(case, runs, _SECONDS)
    for k in _STRIDES:
        fair = result.median("whole") + result.median(f"copy {k}")
        yield f"{BINARY} {case.size}, stride {k}", result.median(f"stride {k}") / fair


def _threads(extent: Extent) -> Iterator[tuple[str, float]]:
    """More threads beside the best of fewer."""
    for case in (Case(BINARY, (extent.size,)), Case(CLASSES, (extent.rows, 1000))):
        call = reused(case, case.inputs()).call
        counts: list[int | str] = [*range(1, 1 + len(os.sched_getaffinity(0))), "all"]
        runs = {str(count): Run(call, partial(lossgen.threads, count)) for count in counts}
        result = interleave(case, runs, _SECONDS)
        best = result.median("1")
        for count in counts[1:]:
            taken = result.median(str(count))
            yield f"{case.loss} {case.size}, threads {count}", taken / best
            best = min(best, taken)
