"""What a statement touches, and whether two statements may change places."""

from __future__ import annotations

from dataclasses import dataclass

from lossgen.lower import ir


@dataclass(frozen=True)
class Effects:
    """Names and arrays that a statement touches, as seen from outside of it.

    ``defines`` holds the names that later statements may see and the accumulators it updates; ``local``
    the names of its inside.
    """

    defines: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    loads: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    local: frozenset[str] = frozenset()

    def __or__(self, other: Effects) -> Effects:
        return Effects(
            self.defines | other.defines,
            self.uses | other.uses,
            self.loads | other.loads,
            self.stores | other.stores,
            self.local | other.local,
        )


def effects(statement: ir.Stmt) -> Effects:
    """Return what a statement touches."""
    found = _own(statement)
    for body in ir.bodies(statement):
        inside = Effects()
        for inner in body:
            inside |= effects(inner)
        hidden = {s.name for s in body if isinstance(s, ir.Let | ir.Accumulator | ir.Choose)}
        if isinstance(statement, ir.Loop):
            hidden.add(statement.index)
        found |= Effects(
            inside.defines - hidden, inside.uses - hidden, inside.loads, inside.stores, inside.local | hidden
        )
        if isinstance(statement, ir.Choose):
            # The values of the branches may use what the branches define.
            found = Effects(found.defines, found.uses - hidden, found.loads, found.stores, found.local)
    return found


def _own(statement: ir.Stmt) -> Effects:
    uses: set[str] = set()
    loads: set[str] = set()
    for expr in ir.own_expressions(statement):
        for part in ir.subexpressions(expr):
            if isinstance(part, ir.Load):
                loads.add(part.array)
            elif isinstance(part, ir.Var | ir.Finish):
                uses.add(part.name if isinstance(part, ir.Var) else part.accumulator)
    defines: set[str] = set()
    stores: set[str] = set()
    match statement:
        case ir.Let(name=name) | ir.Accumulator(name=name) | ir.Choose(name=name):
            defines.add(name)
        case ir.Update(name=name):
            defines.add(name)
            uses.add(name)
        case ir.Store(array=array, add=add):
            stores.add(array)
            loads |= {array} if add else set()
        case ir.Fill(array=array):
            stores.add(array)
        case ir.Sort(order=order, key=key):
            stores.add(order)
            loads.add(key)
    return Effects(frozenset(defines), frozenset(uses), frozenset(loads), frozenset(stores))


def conflict(first: Effects, second: Effects) -> bool:
    """Tell whether the order of two statements matters."""
    return names_conflict(first, second) or bool(shared_arrays(first, second))


def names_conflict(first: Effects, second: Effects) -> bool:
    """Tell whether one of two statements defines what the other uses or defines."""
    return bool(
        first.defines & (second.uses | second.defines | second.local)
        or second.defines & (first.uses | first.local)
    )


def shared_arrays(first: Effects, second: Effects) -> frozenset[str]:
    """Return the arrays that one of two statements writes and the other touches."""
    return (first.stores & (second.loads | second.stores)) | (second.stores & first.loads)


def taken(function: ir.Function) -> set[str]:
    """Return every name of a function."""
    found = {argument.name for argument in function.arguments} | {room.name for room in function.workspace}
    for statement in function.body:
        touched = effects(statement)
        found |= touched.defines | touched.uses | touched.local
    return found
