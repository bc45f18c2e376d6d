"""The floor: read the same arrays and write as many as the results have, computing next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numba
import numpy as np

from benchmarks.cases import GRADIENT, HESSIAN, VALUE, Case
from benchmarks.timing import Run

# Below this waking threads takes longer than the work.
PARALLEL_FROM = 2**15


def stream(case: Case, given: Mapping[str, Any]) -> Run:
    """One pass over the arrays as large as predictions, and over one for each result of that size."""
    size = given[case.gradients[0]].size
    inputs = [array.ravel() for array in given.values() if array.size == size]
    count = {VALUE: 0, GRADIENT: 1, HESSIAN: 2}[case.output] * len(case.gradients)
    outputs = [np.empty_like(inputs[0]) for _ in range(count)]
    kernel = _kernel(len(inputs), count, size >= PARALLEL_FROM)
    return Run(lambda: kernel(*inputs, *outputs))


@lru_cache
def _kernel(reads: int, writes: int, parallel: bool) -> Callable[..., Any]:
    """Return a kernel that adds what it reads, and writes the sum to each output or adds it up."""
    inputs, outputs = [f"x{k}" for k in range(reads)], [f"y{k}" for k in range(writes)]
    total = " + ".join(f"{name}[i]" for name in inputs) + (" + one" if reads == 1 else "")
    stores = [f"        {name}[i] = value" for name in outputs] or ["        found += value"]
    lines = [
        f"def kernel({', '.join(inputs + outputs)}):",
        "    one = x0[0] - x0[0]",
        "    found = one",
        "    for i in prange(x0.size):",
        f"        value = {total}",
        *stores,
        "    return found",
    ]
    space: dict[str, Any] = {"prange": numba.prange}
    exec("\n".join(lines), space)
    # The sum may be added up in any order, or it would be slower than memory.
    return numba.njit(parallel=parallel, fastmath=True)(space["kernel"])
