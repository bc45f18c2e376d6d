"""The floor: read the same arrays and write one of the size of the gradient, computing next to nothing."""

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import Case
from benchmarks.timing import Run


@numba.njit(parallel=True)
def _add(x: NDArray[np.float32], y: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    for i in numba.prange(x.size):
        out[i] = x[i] + y[i]


@numba.njit(parallel=True)
def _increase(x: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    for i in numba.prange(x.size):
        out[i] = x[i] + np.float32(1)


def stream(case: Case) -> Run:
    """Two reads and a write where targets are as large as predictions, else one read and a write."""
    x, out = case.x.ravel(), np.empty(case.x.size, np.float32)
    if case.y.shape == case.x.shape:
        y = case.y.ravel()
        return lambda: _add(x, y, out)
    return lambda: _increase(x, out)
