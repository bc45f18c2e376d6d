"""Run kernels serially or in threads, safely under fork, Python threads and every threading layer.

Measured on Linux: OpenMP (`omp`) kills a forked child at its first parallel kernel, and `workqueue` aborts
the process when two Python threads run parallel kernels at once. Neither may happen to a user.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numba.core import config
from numba.np.ufunc.parallel import threading_layer

from lossgen.runtime.arrays import Array, is_half
from lossgen.runtime.half_arrays import HalfArray
from lossgen.runtime.outputs import divide
from lossgen.runtime.threads import in_forked_child, requested_threads

__all__ = ["Kernels"]

# Below this many elements a serial kernel (7 us) is done before threads have started.
PARALLEL_FROM = 2**15
# With fewer blocks of samples than this for each thread, threads share each sample where that is possible.
BLOCKS_PER_THREAD = 4

_entry = threading.Lock()
_layer: str | None = None


class Kernels:
    """The kernels of one loss, looked up by kind and variant. Each variant has a module of its own, which is
    imported when it is first used.

    Parameters
    ----------
    module : str
        Import name of the module of the default variant; the others add two underscores and their suffix.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._found: dict[tuple[str, str, str], Any] = {}

    @staticmethod
    def readable(arguments: list[Any]) -> list[Any]:
        """Return arguments of a kernel with arrays of 16-bit floats as kernels can read them."""
        return [
            HalfArray(item) if isinstance(item, np.ndarray) and is_half(item.dtype) else item
            for item in arguments
        ]

    def serial(self, kind: str, suffix: str) -> Any:
        """Return a serial kernel."""
        return self._find(kind, suffix, "")

    def reduced(
        self, suffix: str, partials: Array, coefficients: Sequence[float], denominators: Sequence[float]
    ) -> float:
        """Return the value, from the sums of all blocks, which are added in their order."""
        sums = np.add.reduce(partials, axis=0).tolist()
        terms = zip(coefficients, sums, denominators, strict=True)
        return float(sum(divide(coefficient * total, divisor) for coefficient, total, divisor in terms))

    def run(
        self,
        kind: str,
        suffix: str,
        arguments: list[Any],
        elements: int,
        blocks: int,
        divisible: bool = False,
    ) -> None:
        """Run a kernel of `elements` steps in `blocks` blocks of samples; threads may share samples that
        are `divisible`. The result has the same bits in any way.
        """
        count, way = 1, "parallel"
        if elements >= PARALLEL_FROM:
            count = requested_threads(int(vars(config)["NUMBA_NUM_THREADS"]))
            # Threads that take whole blocks wait for nobody, but a few large blocks keep some of them idle.
            if divisible and blocks < BLOCKS_PER_THREAD * count and elements // blocks >= PARALLEL_FROM:
                way = "within"
            else:
                count = min(blocks, count)
        if count > 1:
            layer = _threading_layer()
            if layer == "workqueue":
                # A second thread does not wait: it runs serially beside the first.
                if _entry.acquire(blocking=False):
                    try:
                        self._run_threads(kind, suffix, arguments, count, way)
                    finally:
                        _entry.release()
                    return
            elif layer != "none":
                self._run_threads(kind, suffix, arguments, count, way)
                return
        self._find(kind, suffix, "")(*arguments)

    def _run_threads(self, kind: str, suffix: str, arguments: list[Any], count: int, way: str) -> None:
        kernel = self._find(kind, suffix, way)
        before = numba.get_num_threads()
        if before == count:
            kernel(*arguments)
            return
        numba.set_num_threads(count)
        try:
            kernel(*arguments)
        finally:
            numba.set_num_threads(before)

    def _module_of(self, suffix: str) -> str:
        return f"{self._module}__{suffix}" if suffix else self._module

    def _find(self, kind: str, suffix: str, way: str) -> Any:
        key = (kind, suffix, way)
        kernel = self._found.get(key)
        if kernel is None:
            module = importlib.import_module(self._module_of(suffix))
            kernel = getattr(module, f"{kind}_{way}" if way else kind)
            self._found[key] = kernel
        return kernel


def _threading_layer() -> str:
    """Return the layer that parallel kernels would run on here, "none" if they must not."""
    global _layer
    if in_forked_child():
        # The parent's OpenMP or TBB threads do not exist here; only workqueue starts anew.
        explicit = vars(config)["THREADING_LAYER"] == "workqueue"
        if _layer not in (None, "workqueue") or (_layer is None and not explicit):
            return "none"
    if _layer is None:
        with _entry:
            try:
                numba.get_num_threads()  # starts the pool, which is what chooses the layer
                _layer = threading_layer()
            except ValueError:
                _layer = "none"
    return _layer
