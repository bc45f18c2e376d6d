"""What threads of compiled code meet by: numbers that several write, semaphores, a clock, cores."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = [
    "INT",
    "WORD",
    "add",
    "at",
    "now",
    "read",
    "sched_getaffinity",
    "sched_getcpu",
    "sched_setaffinity",
    "sem_post",
    "sem_wait",
    "swap",
    "usleep",
    "word",
]

WORD, INT = ir.IntType(64), ir.IntType(32)


def word(typing: Any) -> Any:
    """Make a word of compiled code of a function that gives its signature and the function that emits it."""
    return intrinsic(typing)


def at(builder: Any, address: Any, place: int = 0) -> Any:
    """Return the place of a number that lies behind an address."""
    return builder.gep(builder.inttoptr(address, WORD.as_pointer()), [WORD(place)])


@word
def read(typingctx: Any, address: Any) -> Any:
    """Return the number at an address."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(at(builder, *values), "seq_cst", 8)

    return types.int64(types.int64), emit


@word
def add(typingctx: Any, address: Any, number: Any) -> Any:
    """Add to the number at an address; return what it was."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.atomic_rmw("add", at(builder, values[0]), values[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@word
def swap(typingctx: Any, address: Any, old: Any, new: Any) -> Any:
    """Write a number where another one stands; tell whether it stood there."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = at(builder, values[0])
        return builder.extract_value(builder.cmpxchg(place, *values[1:], "seq_cst", "seq_cst"), 1)

    return types.boolean(types.int64, types.int64, types.int64), emit


# Functions of the C library; addresses are integers.
_external: Any = types.ExternalFunction
sem_wait = _external("sem_wait", types.int32(types.int64))
sem_post = _external("sem_post", types.int32(types.int64))
usleep = _external("usleep", types.int32(types.uint32))
sched_getcpu = _external("sched_getcpu", types.int32())
sched_getaffinity = _external("sched_getaffinity", types.int32(types.int32, types.int64, types.int64))
sched_setaffinity = _external("sched_setaffinity", types.int32(types.int32, types.int64, types.int64))


@word
def now(typingctx: Any) -> Any:
    """Nanoseconds of the clock that never goes back."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        time = cgutils.alloca_once(builder, ir.ArrayType(WORD, 2))
        kind = ir.FunctionType(INT, [INT, time.type])
        function = cgutils.get_or_insert_function(builder.module, kind, "clock_gettime")
        builder.call(function, [INT(1), time])
        seconds, rest = cgutils.unpack_tuple(builder, builder.load(time), 2)
        return builder.add(builder.mul(seconds, WORD(10**9)), rest)

    return types.int64(), emit
