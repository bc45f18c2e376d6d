"""Threads that share the parts of a kernel: quiet while they wait, safe under fork and under each other.

They live in compiled code and never ask for the interpreter's lock, so that they begin within microseconds.
The caller works too and never waits for a thread that has not begun: where the machine is busy, it does all.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic

from lossgen.runtime.arrays import Array
from lossgen.runtime.jit import njit

__all__ = ["BLOCKS", "EXISTS", "SAMPLES", "WHOLE", "run_parts"]

# Other systems have no such semaphores.
EXISTS = sys.platform == "linux" and not vars(config)["DISABLE_JIT"]

# How an argument of a kernel is divided: not at all, by its samples, by its blocks of samples.
WHOLE, SAMPLES, BLOCKS = range(3)

# What the threads have in common, as places in one array. What several write has a cache line of its own.
# The number of the job, and in its last bits how many of its parts have not begun.
_TICKET = 0
# Parts that are done; nanoseconds that they took; those that failed.
_DONE, _SPENT, _FAILED = 8, 9, 10
# The job: the function that runs a part, and what it gets: addresses and numbers.
_RUN, _CUTS, _ARGUMENTS, _MODES, _BLOCK, _KERNEL = range(16, 22)
# What threads sleep on: a semaphore of the C library, of 32 bytes.
_GATE = 24
_PLACES = 32
_BITS = 20
_UNBEGUN = 2**_BITS - 1
# Nanoseconds that a caller looks for the end of a call before it sleeps.
_PATIENCE = 100_000

_WORD, _INT = ir.IntType(64), ir.IntType(32)
_PART = ir.FunctionType(_INT, [_WORD] * 6)


def _word(typing: Any) -> Any:
    """Make a word of compiled code of a function that gives its signature and the function that emits it."""
    return intrinsic(typing)


def _at(builder: Any, address: Any, place: int = 0) -> Any:
    """Return the place of a number that lies behind an address."""
    return builder.gep(builder.inttoptr(address, _WORD.as_pointer()), [_WORD(place)])


@_word
def _read(typingctx: Any, address: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(_at(builder, *values), "seq_cst", 8)

    return types.int64(types.int64), emit


@_word
def _add(typingctx: Any, address: Any, number: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.atomic_rmw("add", _at(builder, values[0]), values[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@_word
def _swap(typingctx: Any, address: Any, old: Any, new: Any) -> Any:
    """Write a number where another one stands; tell whether it stood there."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _at(builder, values[0])
        return builder.extract_value(builder.cmpxchg(place, *values[1:], "seq_cst", "seq_cst"), 1)

    return types.boolean(types.int64, types.int64, types.int64), emit


# Functions of the C library; addresses are integers.
_external: Any = types.ExternalFunction
_sem_wait = _external("sem_wait", types.int32(types.int64))
_sem_post = _external("sem_post", types.int32(types.int64))
_sched_yield = _external("sched_yield", types.int32())
_usleep = _external("usleep", types.int32(types.uint32))


@_word
def _now(typingctx: Any) -> Any:
    """Nanoseconds of the clock that never goes back."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        time = cgutils.alloca_once(builder, ir.ArrayType(_WORD, 2))
        kind = ir.FunctionType(_INT, [_INT, time.type])
        function = cgutils.get_or_insert_function(builder.module, kind, "clock_gettime")
        builder.call(function, [_INT(1), time])
        seconds, rest = cgutils.unpack_tuple(builder, builder.load(time), 2)
        return builder.add(builder.mul(seconds, _WORD(10**9)), rest)

    return types.int64(), emit


@_word
def _job(typingctx: Any, arguments: Any) -> Any:
    """Return the address of a function that runs a kernel on some blocks of these arguments, and that of a
    copy of them, which lasts until the caller returns.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        name = builder.module.get_unique_name("lossgen_part")
        function = ir.Function(builder.module, _PART, name)
        function.linkage = "internal"
        given, modes, block, kernel, first, last = function.args
        inside = ir.IRBuilder(function.append_basic_block())
        whole = inside.load(inside.inttoptr(given, values[0].type.as_pointer()))
        parts = []
        for k, kind in enumerate(arguments.types):
            mode = inside.load(_at(inside, modes, k))
            unit = inside.select(inside.icmp_signed("==", mode, _WORD(SAMPLES)), block, _WORD(1))
            ends = [inside.mul(end, unit) for end in (first, last)]
            divided = inside.icmp_signed("!=", mode, _WORD(WHOLE))
            parts.append(_part(context, inside, kind, inside.extract_value(whole, k), ends, divided))
        form = context.call_conv.get_function_type(types.none, arguments.types)
        # What a kernel returns and raises: nothing, or that it failed.
        slots = [inside.bitcast(cgutils.alloca_once(inside, _WORD), kind) for kind in form.args[:2]]
        flat = context.get_arg_packer(arguments.types).as_arguments(inside, parts)
        inside.ret(inside.call(inside.inttoptr(kernel, form.as_pointer()), [*slots, *flat]))
        copy = cgutils.alloca_once_value(builder, values[0])
        return cgutils.pack_array(builder, [builder.ptrtoint(place, _WORD) for place in (function, copy)])

    return types.UniTuple(types.int64, 2)(arguments), emit


def _part(context: Any, builder: Any, kind: Any, value: Any, ends: Sequence[Any], divided: Any) -> Any:
    """Return the part of an array from one end to the other, all of it where it is not to be divided."""
    if bits := getattr(kind, "bits", None):  # 16-bit floats
        struct = cgutils.create_struct_proxy(kind)(context, builder, value)
        struct.bits = _part(context, builder, bits, struct.bits, ends, divided)
        return struct._getvalue()
    if not isinstance(kind, types.Array) or kind.ndim == 0:
        return value
    array = context.make_array(kind)(context, builder, value)
    shape = cgutils.unpack_tuple(builder, array.shape, kind.ndim)
    stride = builder.extract_value(array.strides, 0)
    least = [builder.select(builder.icmp_signed("<", end, shape[0]), end, shape[0]) for end in ends]
    first = builder.select(divided, least[0], _WORD(0))
    last = builder.select(divided, least[1], shape[0])
    shape[0] = builder.sub(last, first)
    array.data = cgutils.pointer_add(builder, array.data, builder.mul(first, stride), array.data.type)
    array.shape = cgutils.pack_array(builder, shape)
    array.nitems = reduce(builder.mul, shape)
    return array._getvalue()


@_word
def _call(typingctx: Any, run: Any, given: Any) -> Any:
    """Run the function that lies at an address."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        run, given = values
        numbers = cgutils.unpack_tuple(builder, given)
        return builder.call(builder.inttoptr(run, _PART.as_pointer()), numbers)

    return types.int32(types.int64, types.UniTuple(types.int64, 6)), emit


@njit
def _work(team):  # type: ignore[no-untyped-def]
    """Do parts until none is left to begin."""
    at = team.ctypes.data
    while True:
        ticket = _read(at + 8 * _TICKET)
        left = ticket & _UNBEGUN
        if left == 0:
            return
        if not _swap(at + 8 * _TICKET, ticket, ticket - 1):
            continue
        # Until the part is done, the job is not over, and what it says stays as it is.
        start = _now()
        cut = team[_CUTS] + 8 * left
        code = _call(
            team[_RUN],
            (team[_ARGUMENTS], team[_MODES], team[_BLOCK], team[_KERNEL], _read(cut - 8), _read(cut)),
        )
        _add(at + 8 * _SPENT, _now() - start)
        if code != 0 and code != -2:  # Numba's codes for a result, and for None
            _add(at + 8 * _FAILED, 1)
        _add(at + 8 * _DONE, 1)


@njit
def _serve(team):  # type: ignore[no-untyped-def]
    """What a thread of the crew does, for ever."""
    while True:
        _sem_wait(team.ctypes.data + 8 * _GATE)
        _work(team)


@njit
def _lead(team, kernel, cuts, modes, block, helpers, arguments):  # type: ignore[no-untyped-def]
    """Run a kernel on parts of its arguments together with other threads."""
    at = team.ctypes.data
    parts = cuts.size - 1
    team[_DONE : _FAILED + 1] = 0
    team[_RUN], team[_ARGUMENTS] = _job(arguments)
    team[_CUTS], team[_MODES] = cuts.ctypes.data, modes.ctypes.data
    team[_BLOCK], team[_KERNEL] = block, kernel
    # The number of the job is a new one, so that no thread can take a part of it for one of another job.
    _add(at + 8 * _TICKET, (1 << _BITS) + parts)
    for _ in range(helpers):
        _sem_post(at + 8 * _GATE)
    _work(team)
    end = _now()
    while _read(at + 8 * _DONE) < parts:
        # The last parts take about as long as a thread takes to wake: look a little while.
        if _now() - end < _PATIENCE:
            _sched_yield()
        else:
            _usleep(20)
    return team[_SPENT], team[_FAILED]


class _Crew:
    """Threads that are started when they are first needed."""

    def __init__(self) -> None:
        self.one_job = threading.Lock()
        memory = np.zeros(_PLACES + 8, np.int64)
        first = -memory.ctypes.data % 64 // 8
        # Every thread holds it, and so it is there until the process ends.
        self.team = memory[first : first + _PLACES]
        self._size = 0

    def grow(self, helpers: int) -> None:
        """Start threads until there are that many."""
        if self._size == 0:
            ctypes.CDLL(None).sem_init(self.team[_GATE:].ctypes, 0, 0)
        while self._size < helpers:
            name = f"lossgen-{self._size}"
            try:
                threading.Thread(target=_serve, args=(self.team,), name=name, daemon=True).start()
            except RuntimeError:  # the system allows no more, or the interpreter is about to end
                return
            self._size += 1


_crew = _Crew()


def _start_anew() -> None:
    # A forked child has none of its parent's threads.
    global _crew
    _crew = _Crew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def run_parts(
    kernel: int, cuts: Array, modes: Array, block: int, threads: int, arguments: tuple[Any, ...]
) -> float | None:
    """Run a kernel on parts of its arguments, in any order, in several threads.

    Parameters
    ----------
    kernel : int
        Address of the kernel as compiled for arguments of these types.
    cuts, modes : ndarray of int64
        The blocks at which parts begin and end; how each argument is divided.
    block, threads : int
        Samples in a block; most threads that work, this one included.
    arguments : tuple
        What the kernel gets.

    Returns
    -------
    float or None
        Seconds that all parts took together. None where the kernel is to be run on everything: another thread
        has the crew, or a part failed.
    """
    crew = _crew
    if not crew.one_job.acquire(blocking=False):
        return None
    try:
        helpers = min(threads, cuts.size - 1) - 1
        crew.grow(helpers)
        spent, failed = _lead(crew.team, kernel, cuts, modes, block, helpers, arguments)
    finally:
        crew.one_job.release()
    return None if failed else spent * 1e-9
