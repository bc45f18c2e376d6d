"""Drop definitions that an enclosing scope has already: a name stands for one value throughout a kernel."""

from __future__ import annotations

from dataclasses import replace

from lossgen.lower import ir
from lossgen.lower.effects import effects


def drop_known(function: ir.Function) -> ir.Function:
    """Return the function without repeated definitions inside loops and branches."""
    return replace(function, body=_visit(function.body, frozenset()))


def _visit(body: tuple[ir.Stmt, ...], outside: frozenset[str]) -> tuple[ir.Stmt, ...]:
    known, dropped = set(outside), set[str]()
    kept: list[ir.Stmt] = []
    for statement in body:
        if isinstance(statement, ir.Let | ir.Choose | ir.Accumulator):
            if statement.name in known:
                dropped.add(statement.name)
                continue
            known.add(statement.name)
        elif only_updates(statement, dropped):
            continue
        kept.append(_inside(statement, frozenset(known)))
    return tuple(kept)


def _inside(statement: ir.Stmt, known: frozenset[str]) -> ir.Stmt:
    match statement:
        case ir.Loop(body=body) | ir.If(body=body):
            return replace(statement, body=_visit(body, known))
        case ir.Choose(name=name, then=then, otherwise=otherwise):
            outside = known - {name}
            return replace(statement, then=_visit(then, outside), otherwise=_visit(otherwise, outside))
    return statement


def only_updates(statement: ir.Stmt, accumulators: set[str]) -> bool:
    """Tell whether a loop does nothing but fill some of the given accumulators."""
    if not isinstance(statement, ir.Loop):
        return False
    touched = effects(statement)
    return not touched.stores and bool(touched.defines) and touched.defines <= accumulators
