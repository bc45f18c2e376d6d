"""Run kernels serially or in threads, safely under fork, Python threads and every threading layer.

There are two ways to use threads. Threads of our own that share blocks of samples (`crew`) wait quietly; a
busy machine makes them slower, and no more. Numba's threads are awake between calls, but, measured on Linux,
OpenMP's (`omp`) spin at the end of each kernel, which turns 0.1 ms into 20 where another process holds a
core, and they kill a forked child at its first parallel kernel; `workqueue` aborts the process when two
Python threads run parallel kernels at once. They are used where the user has said that all cores are ours,
and where samples are too large and few to be left to one thread each, and never where they could kill.
"""

from __future__ import annotations

import importlib
import math
import threading
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import numba
import numpy as np
from numba.core import config
from numba.np.ufunc.parallel import threading_layer

from lossgen.runtime import crew
from lossgen.runtime.arrays import Array, is_half
from lossgen.runtime.half_arrays import HalfArray
from lossgen.runtime.outputs import divide
from lossgen.runtime.threads import all_cores_are_ours, in_forked_child, requested_threads
from lossgen.runtime.vectormath import LANES

__all__ = ["Kernels"]

# Below this many elements a serial kernel (7 us) is done before threads have started.
PARALLEL_FROM = 2**15
# Entries of a sample; with fewer, loops over them are shorter than the running sums of a longer loop.
SHORT = 64
# With fewer blocks of samples than this for each thread, threads share each sample where that is possible.
BLOCKS_PER_THREAD = 4
# A thread takes 10 to 50 us to wake, and where the machine has long been idle some 100 us of the thread that
# wakes it: one is woken for so many seconds of work.
WORTH_WAKING = 120e-6
# Seconds that the smallest part of a call takes; to begin one costs 0.1 us.
PIECE = 10e-6

# What of an argument belongs to a part of the blocks: its samples, its blocks, or all of it.
Cut = str | None
_MODES = {None: crew.WHOLE, "samples": crew.SAMPLES, "blocks": crew.BLOCKS}

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
        # Seconds per element of serial kernels, by kind, variant and dtype.
        self._pace: dict[tuple[str, str, Any], float] = {}
        self._addresses: dict[tuple[Any, ...], int] = {}

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

    def beside(self, kind: str, suffix: str, samples: int, per_sample: int) -> str:
        """Return the kind of kernel for samples of this size: many short ones run beside each other.

        Nothing but speed depends on it: the results have the same bits.
        """
        if samples < LANES or not 0 < per_sample < SHORT:
            return kind
        try:
            self._find(f"{kind}_lanes", suffix, "")
        except AttributeError:  # not a loss of rows, or a kind that training does not call
            return kind
        return f"{kind}_lanes"

    def reduced(
        self, suffix: str, partials: Array, coefficients: Sequence[float], denominators: Sequence[float]
    ) -> float:
        """Return the value, from the sums of all blocks, which are added in their order."""
        sums = np.add.reduce(partials, axis=0).tolist()
        terms = zip(coefficients, sums, denominators, strict=True)
        return float(sum(divide(coefficient * total, divisor) for coefficient, total, divisor in terms))

    def direct(
        self, kind: str, suffix: str, elements: int, blocks: int, divisible: bool, cuts: Sequence[Cut]
    ) -> Callable[..., None]:
        """Return `run` for calls of this size, as a function of the arguments of the kernel."""
        if elements < PARALLEL_FROM:
            return self.serial(kind, suffix)

        def run(*arguments: Any) -> None:
            self.run(kind, suffix, arguments, elements, blocks, divisible, cuts)

        return run

    @staticmethod
    def entry(kernel: Any, arguments: Sequence[Any]) -> Any:
        """Return a kernel as compiled for arguments of these types: it does not look at types any more."""
        compiled = getattr(kernel, "overloads", {}).get(tuple(map(numba.typeof, arguments)))
        return kernel if compiled is None else compiled.entry_point

    def run(
        self,
        kind: str,
        suffix: str,
        arguments: Sequence[Any],
        elements: int,
        blocks: int,
        divisible: bool,
        cuts: Sequence[Cut],
    ) -> None:
        """Run a kernel of `elements` steps in `blocks` blocks of samples; threads may share samples that
        are `divisible`. `cuts` says how each argument is divided. The result has the same bits in any way.
        """
        count = requested_threads(int(vars(config)["NUMBA_NUM_THREADS"])) if elements >= PARALLEL_FROM else 1
        if count > 1:
            alone = all_cores_are_ours() or not crew.EXISTS
            # Threads that take whole blocks wait for nobody, but a few large blocks keep some of them idle.
            enough = (BLOCKS_PER_THREAD if alone else 2) * count
            within = divisible and blocks < enough and elements // blocks >= PARALLEL_FROM
            if not (alone or within):
                if blocks > 1:
                    self._run_crew(kind, suffix, arguments, elements, blocks, count, cuts)
                    return
            elif self._run_layer(kind, suffix, arguments, blocks, count, within):
                return
        self._find(kind, suffix, "")(*arguments)

    def _run_layer(
        self, kind: str, suffix: str, arguments: Sequence[Any], blocks: int, count: int, within: bool
    ) -> bool:
        """Run in Numba's threads, unless that is unsafe now."""
        way = "within" if within else "parallel"
        count = count if within else min(blocks, count)
        layer = _threading_layer() if count > 1 else "none"
        if layer == "none":
            return False
        if layer != "workqueue":
            self._run_threads(kind, suffix, arguments, count, way)
            return True
        # A second thread does not wait: it runs serially beside the first.
        if not _entry.acquire(blocking=False):
            return False
        try:
            self._run_threads(kind, suffix, arguments, count, way)
        finally:
            _entry.release()
        return True

    def _run_crew(
        self,
        kind: str,
        suffix: str,
        arguments: Sequence[Any],
        elements: int,
        blocks: int,
        count: int,
        parts: Sequence[Cut],
    ) -> None:
        kernel = self._find(kind, suffix, "")
        key = (kind, suffix, arguments[0].dtype)
        pace = self._pace.get(key)
        work = math.inf if pace is None else pace * elements
        if pace is not None:
            count = min(count, 1 + int(work / WORTH_WAKING))
        if count > 1:
            cuts = portions(blocks, count, PIECE / work)
            modes = _modes(tuple(parts))
            address = self._address(kernel, arguments)
            taken = crew.run_parts(address, cuts, modes, arguments[-1], count, tuple(arguments))
            if taken is not None:
                # The least of all is that of a warm kernel on free cores.
                self._pace[key] = min(taken / elements, self._pace.get(key, math.inf))
                return
        kernel(*arguments)

    def _address(self, kernel: Any, arguments: Sequence[Any]) -> int:
        """Return where a kernel lies in memory as compiled for arguments of these types."""
        # What tells the types apart, and is known faster than they are.
        key = (kernel, *map(_kind, arguments))
        address = self._addresses.get(key)
        if address is None:
            types = tuple(map(numba.typeof, arguments))
            kernel.compile(types)
            compiled = kernel.overloads[types]
            address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
            self._addresses[key] = address
        return address

    def _run_threads(self, kind: str, suffix: str, arguments: Sequence[Any], count: int, way: str) -> None:
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


def _kind(argument: Any) -> Any:
    if type(argument) is np.ndarray:
        return argument.dtype, argument.ndim, argument.flags.num
    return argument._numba_type_ if isinstance(argument, HalfArray) else type(argument)


@cache
def _modes(cuts: tuple[Cut, ...]) -> Array:
    return np.array([_MODES[cut] for cut in cuts])


def portions(blocks: int, threads: int, least: float) -> Array:
    """Return where to cut blocks that threads take from the end on: ever smaller pieces, so that all threads
    end at about the same time, but none smaller than that part of all.
    """
    return _portions(blocks, threads, max(1, math.ceil(least * blocks)))


@lru_cache(256)
def _portions(blocks: int, threads: int, smallest: int) -> Array:
    cuts = [blocks]
    while cuts[-1] > 0:
        cuts.append(max(0, cuts[-1] - max(smallest, cuts[-1] // (2 * threads))))
    return np.array(cuts[::-1])


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
