"""Whether the blocks of a loop are coupled through anything but its accumulators."""

from __future__ import annotations

from lossgen.lower import ir
from lossgen.lower.effects import effects


def accesses(loop: ir.Loop, array: str) -> list[tuple[bool, ...]]:
    """Return, for every access of a loop to an array, which positions are the loop's own index; () for the
    whole array.
    """
    own = ir.Var(loop.index, "int")
    found: list[tuple[bool, ...]] = []
    for statement in ir.statements(loop.body):
        match statement:
            case ir.Store(array=name, positions=positions) if name == array:
                found.append(tuple(position == own for position in positions))
            case ir.Fill(array=name) | ir.Sort(order=name) | ir.Sort(key=name) if name == array:
                found.append(())
    loads = [e for e in ir.expressions(loop.body) if isinstance(e, ir.Load) and e.array == array]
    return found + [tuple(position == own for position in load.positions) for load in loads]


def own_dimension(places: list[tuple[bool, ...]]) -> int | None:
    """Return the dimension in which all accesses stay at the loop's own index, or None."""
    shortest = min(map(len, places), default=0)
    return next((dim for dim in range(shortest) if all(place[dim] for place in places)), None)


def coupled(loop: ir.Loop) -> str | None:
    """Return why the blocks of a loop cannot run apart, as a sentence that names the stage; None if they can.

    Accumulators do not couple: their states are merged.
    """
    touched = effects(loop)
    loaded = {e.array for e in ir.expressions((loop,)) if isinstance(e, ir.Load)}
    for array in sorted(touched.stores):
        if own_dimension(accesses(loop, array)) is None:
            if array in loaded:
                return f"`{array}` is a recurrence: its steps read what other steps have stored"
            return f"`{array}` is stored at positions that several steps may share"
    updated = {s.name for s in ir.statements(loop.body) if isinstance(s, ir.Update)} & touched.defines
    read = {e.accumulator for e in ir.expressions(loop.body) if isinstance(e, ir.Finish)} & updated
    if read:
        return f"`{min(read)}` is a cumulative sum: its steps read what has been summed before them"
    return f"`{loop.index}` runs backwards, as the steps of a recurrence do" if loop.reverse else None
