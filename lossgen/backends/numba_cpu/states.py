"""States of the blocks of a loop, as text: joining two, and keeping all until the last block is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lossgen.backends.numba_cpu.accumulators import State
from lossgen.backends.numba_cpu.sample import grouped

_INDENT = "    "
# Drivers get pieces pasted in: called, they would make small samples half as slow again.
PASTED = '@njit(inline="always")'
_REMARK = "State of two blocks together, the terms of `one` before those of `two`."


def combine_text(own: Sequence[State], name: str) -> str:
    """Return the function that joins two states."""
    lines = [PASTED, f"def {name}(one, two):", f'    """{_REMARK}"""']
    returned: list[str] = []
    for member in own:
        places = range(len(returned), len(returned) + len(member.names))
        one, two = (tuple(f"{side}[{k}]" for k in places) for side in ("one", "two"))
        lines.append(f"    {', '.join(member.names)} = {member.joined(one, two)}")
        returned += member.names
    lines += grouped("return ", tuple(returned), alone(returned), _INDENT)
    return "\n".join(lines) + "\n"


def alone(names: Sequence[str]) -> str:
    """Return the comma that makes a tuple of a single name."""
    return "," if len(names) == 1 else ""


@dataclass(frozen=True)
class Kept:
    """Where the states of all blocks are kept: entries of block k, those entries in their own types, and the
    lines that make room.
    """

    entries: tuple[str, ...]
    read: tuple[str, ...]
    room: tuple[str, ...]


def kept(own: Sequence[State]) -> Kept:
    """Return how the states of all blocks are kept: numbers in one array, positions and counts in another."""
    entries: list[str] = []
    floats = integers = 0
    for kind in (kind for one in own for kind in one.types):
        if kind == "int":
            entries.append(f"places[k, {integers}]")
            integers += 1
        else:
            entries.append(f"states[k, {floats}]")
            floats += 1
    room = [f"states = np.empty((blocks, {floats}))"] if floats else []
    room += [f"places = np.empty((blocks, {integers}), np.int64)"] if integers else []
    narrow = [is_narrow for one in own for is_narrow in one.narrow]
    read = [f"real({e})" if is_narrow else e for e, is_narrow in zip(entries, narrow, strict=True)]
    return Kept(tuple(entries), tuple(read), tuple(room))
