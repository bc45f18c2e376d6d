"""The floor: read the same arrays and write one of the size of the gradient, computing next to nothing."""

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import Case
from benchmarks.timing import Run

# Below this waking threads takes longer than the work.
PARALLEL_FROM = 2**15


def _add(x: NDArray[np.float32], y: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    for i in numba.prange(x.size):
        out[i] = x[i] + y[i]


def _increase(x: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    for i in numba.prange(x.size):
        out[i] = x[i] + np.float32(1)


def stream(case: Case) -> Run:
    """Two reads and a write where targets are as large as predictions, else one read and a write."""
    compiler = numba.njit(parallel=case.x.size >= PARALLEL_FROM)
    x, out = case.x.ravel(), np.empty(case.x.size, np.float32)
    if case.y.shape == case.x.shape:
        add, y = compiler(_add), case.y.ravel()
        return lambda: add(x, y, out)
    increase = compiler(_increase)
    return lambda: increase(x, out)
