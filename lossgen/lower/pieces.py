"""The loops of a kernel over one sample in blocks, where nothing but reductions couples them.

Drivers then may run the blocks one after another, in threads, or as chunks that are read one by one.
"""

from __future__ import annotations

from dataclasses import replace

from lossgen.lower import ir
from lossgen.lower.coupling import coupled


def in_blocks(function: ir.Function) -> ir.Function:
    """Return the function with its outermost loops in blocks; as it is, where one of them cannot be."""
    return function if whole(function) else replace(function, body=_marked(function.body))


def whole(function: ir.Function) -> str | None:
    """Return why a sample must be looked at as a whole, as a sentence that names the stage, or None."""
    return next((reason for s in _outermost(function.body) if (reason := _coupled(s))), None)


def has_blocks(function: ir.Function) -> bool:
    """Tell whether a kernel has loops in blocks."""
    return any(isinstance(s, ir.Loop) and s.blocks for s in ir.statements(function.body))


def _coupled(statement: ir.Stmt) -> str | None:
    match statement:
        case ir.Loop():
            return coupled(statement)
        case ir.Sort(order=order):
            return f"`{order}` sorts the whole sample"
    return None


def _outermost(body: tuple[ir.Stmt, ...]) -> list[ir.Stmt]:
    """Return the statements that are in no loop, those in branches included."""
    found: list[ir.Stmt] = []
    for statement in body:
        found.append(statement)
        if not isinstance(statement, ir.Loop):
            for inner in ir.bodies(statement):
                found += _outermost(inner)
    return found


def _marked(body: tuple[ir.Stmt, ...]) -> tuple[ir.Stmt, ...]:
    return tuple(map(_mark, body))


def _mark(statement: ir.Stmt) -> ir.Stmt:
    match statement:
        case ir.Loop():
            return replace(statement, blocks=True)
        case ir.If(body=body):
            return replace(statement, body=_marked(body))
        case ir.Choose(then=then, otherwise=otherwise):
            return replace(statement, then=_marked(then), otherwise=_marked(otherwise))
    return statement
