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

from lossgen.runtime import atomics
from lossgen.runtime.arrays import Array
from lossgen.runtime.atomics import INT, WORD, word
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
# Threads that the job may have beside its caller; the core of the caller.
_HELPERS, _AT = 22, 23
# Each thread has a seat: a semaphore of the C library, of 32 bytes, on which it sleeps, and its last core.
_SEATS, _SEAT, _GATE, _CORE = 24, 8, 0, 4
_MOST = max(64, vars(config)["NUMBA_NUM_THREADS"])
_PLACES = _SEATS + _SEAT * _MOST
# Words of a set of cores.
_CORES = 16
_BITS = 20
_UNBEGUN = 2**_BITS - 1
# Nanoseconds that a caller looks for the end of a call before it sleeps.
_PATIENCE = 100_000

_PART = ir.FunctionType(INT, [WORD] * 6)


@word
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
            mode = inside.load(atomics.at(inside, modes, k))
            unit = inside.select(inside.icmp_signed("==", mode, WORD(SAMPLES)), block, WORD(1))
            ends = [inside.mul(end, unit) for end in (first, last)]
            divided = inside.icmp_signed("!=", mode, WORD(WHOLE))
            parts.append(_part(context, inside, kind, inside.extract_value(whole, k), ends, divided))
        form = context.call_conv.get_function_type(types.none, arguments.types)
        # What a kernel returns and raises: nothing, or that it failed.
        slots = [inside.bitcast(cgutils.alloca_once(inside, WORD), kind) for kind in form.args[:2]]
        flat = context.get_arg_packer(arguments.types).as_arguments(inside, parts)
        inside.ret(inside.call(inside.inttoptr(kernel, form.as_pointer()), [*slots, *flat]))
        copy = cgutils.alloca_once_value(builder, values[0])
        return cgutils.pack_array(builder, [builder.ptrtoint(place, WORD) for place in (function, copy)])

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
    # Without an owner: rows of it count nobody's references, which all threads would do in one place.
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    shape = cgutils.unpack_tuple(builder, array.shape, kind.ndim)
    stride = builder.extract_value(array.strides, 0)
    least = [builder.select(builder.icmp_signed("<", end, shape[0]), end, shape[0]) for end in ends]
    first = builder.select(divided, least[0], WORD(0))
    last = builder.select(divided, least[1], shape[0])
    shape[0] = builder.sub(last, first)
    array.data = cgutils.pointer_add(builder, array.data, builder.mul(first, stride), array.data.type)
    array.shape = cgutils.pack_array(builder, shape)
    array.nitems = reduce(builder.mul, shape)
    return array._getvalue()


@word
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
        ticket = atomics.read(at + 8 * _TICKET)
        left = ticket & _UNBEGUN
        if left == 0:
            return
        if not atomics.swap(at + 8 * _TICKET, ticket, ticket - 1):
            continue
        # Until the part is done, the job is not over, and what it says stays as it is.
        start = atomics.now()
        cut = team[_CUTS] + 8 * left
        code = _call(
            team[_RUN],
            (
                team[_ARGUMENTS],
                team[_MODES],
                team[_BLOCK],
                team[_KERNEL],
                atomics.read(cut - 8),
                atomics.read(cut),
            ),
        )
        atomics.add(at + 8 * _SPENT, atomics.now() - start)
        if code != 0 and code != -2:  # Numba's codes for a result, and for None
            atomics.add(at + 8 * _FAILED, 1)
        atomics.add(at + 8 * _DONE, 1)


@njit
def _spread(team, seat, allowed, own):  # type: ignore[no-untyped-def]
    """Keep to cores where none of the team is, if one is on this one.

    Systems wake a thread on the core of who wakes it, or on that of another thread that they have just woken,
    while others are idle, and part them after many calls only. `own` are the cores that have been kept to.
    """
    core = atomics.sched_getcpu()
    team[seat + _CORE] = core
    apart = team[_AT] != core
    others = [at for at in range(_SEATS, _SEATS + _SEAT * team[_HELPERS], _SEAT) if at != seat]
    for other in others:
        apart = apart and team[other + _CORE] != core
    late = atomics.read(team.ctypes.data + 8 * _TICKET) & _UNBEGUN == 0
    if apart and not late:
        return
    now = np.zeros(_CORES, np.int64)
    if atomics.sched_getaffinity(0, 8 * _CORES, now.ctypes.data) != 0:
        return
    if (now != own).any():  # somebody else has set them
        allowed[:] = now
    now[:] = allowed
    if not apart:
        _leave(now, team[_AT])
        for other in others:
            _leave(now, team[other + _CORE])
    # Where all cores are apart, but it was late, another program has this one: look elsewhere.
    if now.any():
        atomics.sched_setaffinity(0, 8 * _CORES, now.ctypes.data)
        own[:] = now
        team[seat + _CORE] = atomics.sched_getcpu()


@njit
def _leave(cores, core):  # type: ignore[no-untyped-def]
    """Take one out of a set of cores."""
    cores[core >> 6] &= ~(1 << (core & 63))


@njit
def _serve(team, seat):  # type: ignore[no-untyped-def]
    """What a thread of the crew does, for ever."""
    allowed, own = np.zeros(_CORES, np.int64), np.zeros(_CORES, np.int64)
    while True:
        atomics.sem_wait(team.ctypes.data + 8 * (seat + _GATE))
        _spread(team, seat, allowed, own)
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
    team[_HELPERS], team[_AT] = helpers, atomics.sched_getcpu()
    # The number of the job is a new one, so that no thread can take a part of it for one of another job.
    atomics.add(at + 8 * _TICKET, (1 << _BITS) + parts)
    for k in range(helpers):
        atomics.sem_post(at + 8 * (_SEATS + _SEAT * k + _GATE))
    _work(team)
    end = atomics.now()
    while atomics.read(at + 8 * _DONE) < parts:
        # The last parts take about as long as a thread takes to wake: look a little while. To yield would
        # leave the core to a thread of OpenMP that spins, for milliseconds.
        if atomics.now() - end > _PATIENCE:
            atomics.usleep(20)
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

    def grow(self, helpers: int) -> int:
        """Start threads until there are that many; return how many of them there are."""
        while self._size < helpers:
            name, seat = f"lossgen-{self._size}", _SEATS + _SEAT * self._size
            ctypes.CDLL(None).sem_init(self.team[seat + _GATE :].ctypes, 0, 0)
            self.team[seat + _CORE] = -1
            try:
                threading.Thread(target=_serve, args=(self.team, seat), name=name, daemon=True).start()
            except RuntimeError:  # the system allows no more, or the interpreter is about to end
                break
            self._size += 1
        return min(helpers, self._size)


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
        helpers = crew.grow(min(threads, cuts.size - 1, _MOST + 1) - 1)
        spent, failed = _lead(crew.team, kernel, cuts, modes, block, helpers, arguments)
    finally:
        crew.one_job.release()
    return None if failed else spent * 1e-9
