"""Fuse loops: those over the same extent that do not wait for each other run as one pass over memory.

The statements of a scope are rescheduled by their dependencies; equal definitions that meet in one loop
are computed once.
"""

from __future__ import annotations

from dataclasses import replace

from lossgen.lower import ir
from lossgen.lower.coupling import accesses, own_dimension
from lossgen.lower.effects import Effects, conflict, effects, names_conflict, shared_arrays
from lossgen.lower.known import only_updates
from lossgen.lower.rewrite import rename


def fuse(function: ir.Function) -> ir.Function:
    """Return the function with as few loops as its dependencies allow."""
    # Nothing moves before the test that decides whether the sample is looked at.
    walls = [k + 1 for k, statement in enumerate(function.body) if isinstance(statement, ir.Skip)]
    wall = walls[-1] if walls else 0
    return replace(function, body=(*function.body[:wall], *_schedule(function.body[wall:])))


def _schedule(body: tuple[ir.Stmt, ...]) -> tuple[ir.Stmt, ...]:
    """Reorder: whatever is ready and no loop, in the old order, then the first ready loop with all that
    can join it.
    """
    touched = [effects(statement) for statement in body]
    blockers = [[j for j in range(k) if conflict(touched[j], touched[k])] for k in range(len(body))]
    remaining = list(range(len(body)))
    scheduled: list[ir.Stmt] = []
    while remaining:
        waiting = set(remaining)
        ready = [k for k in remaining if waiting.isdisjoint(blockers[k])]
        plain = [k for k in ready if not isinstance(body[k], ir.Loop)]
        chosen = plain[:1] or _partners(
            body, touched, [[j for j in b if j in waiting] for b in blockers], remaining, ready[0]
        )
        scheduled.append(_inside(_merged([body[k] for k in chosen])))
        remaining = [k for k in remaining if k not in chosen]
    return tuple(scheduled)


def _inside(statement: ir.Stmt) -> ir.Stmt:
    match statement:
        case ir.Loop(body=body) | ir.If(body=body):
            return replace(statement, body=_schedule(body))
        case ir.Choose(then=then, otherwise=otherwise):
            return replace(statement, then=_schedule(then), otherwise=_schedule(otherwise))
    return statement


def _partners(
    body: tuple[ir.Stmt, ...],
    touched: list[Effects],
    blockers: list[list[int]],
    remaining: list[int],
    first: int,
) -> list[int]:
    """Return the loop `first` and all loops that may run in it.

    A loop that waits only for chosen ones may join if their common arrays are touched at the running
    position alone.
    """
    chosen = [first]
    leader = body[first]
    assert isinstance(leader, ir.Loop)
    for k in remaining:
        loop = body[k]
        if k == first or not isinstance(loop, ir.Loop):
            continue
        if loop.extent != leader.extent or loop.reverse != leader.reverse:
            continue
        if all(j in chosen and _same_position(body[j], loop, touched[j], touched[k]) for j in blockers[k]):
            chosen.append(k)
    return chosen


def _same_position(first: ir.Stmt, second: ir.Loop, one: Effects, two: Effects) -> bool:
    """Tell whether two loops share nothing but array entries that belong to one iteration."""
    assert isinstance(first, ir.Loop)
    if names_conflict(one, two):
        return False
    for array in shared_arrays(one, two):
        if own_dimension([*accesses(first, array), *accesses(second, array)]) is None:
            return False
    return True


def _merged(group: list[ir.Stmt]) -> ir.Stmt:
    """Join loops. A name stands for one value everywhere, so what the first loops define is not defined
    again.
    """
    first = group[0]
    if len(group) == 1 or not isinstance(first, ir.Loop):
        return first
    body: list[ir.Stmt] = []
    defined: set[str] = set()
    dropped: set[str] = set()
    for loop in group:
        assert isinstance(loop, ir.Loop)
        for statement in loop.body:
            if isinstance(statement, ir.Let | ir.Choose | ir.Accumulator) and statement.name in defined:
                dropped.add(statement.name)
            elif not only_updates(statement, dropped):
                body.append(rename(statement, loop.index, first.index))
        defined |= {s.name for s in loop.body if isinstance(s, ir.Let | ir.Choose | ir.Accumulator)}
    return replace(first, body=tuple(body))
