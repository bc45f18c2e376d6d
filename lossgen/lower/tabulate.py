"""Loops that depend on an inner loop variable alone run before the outer loop, once for each of its values.

Their results stand in a table: the logarithm of a column's sum is not taken again for each row.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from lossgen.lower import ir
from lossgen.lower.effects import effects, taken
from lossgen.lower.names import Names
from lossgen.lower.rewrite import rewrite

__all__ = ["tabulate"]


def tabulate(function: ir.Function) -> ir.Function:
    """Return the function with loops inside two others in tables, where they need not know the outer one."""
    names = Names(taken(function))
    sizes = {s.name: s.expr for s in function.body if isinstance(s, ir.Let)}
    body: list[ir.Stmt] = []
    rooms = list(function.workspace)
    for statement in function.body:
        if isinstance(statement, ir.Loop):
            tables = _Tables(statement, sizes, names)
            statement = replace(statement, body=tables.body(statement.body, None))
            body += tables.loops
            rooms += tables.rooms
        body.append(statement)
    return replace(function, body=tuple(body), workspace=tuple(rooms))


class _Tables:
    """What is taken out of one outer loop."""

    def __init__(self, outer: ir.Loop, sizes: dict[str, ir.Expr], names: Names) -> None:
        touched = effects(outer)
        self._runs = ir.Op("gt", (outer.extent, ir.Const(Fraction(0), "int")), "bool")
        self._inside = touched.local | touched.defines
        self._stored = touched.stores
        self._sizes = sizes
        self._names = names
        # Table of each name: one stands for one value throughout a kernel.
        self._tables: dict[str, str] = {}
        # Where extrema were found.
        self._chosen: set[ir.Expr] = set()
        self.loops: list[ir.Loop] = []
        self.rooms: list[ir.Array] = []

    def body(
        self, body: tuple[ir.Stmt, ...], inner: ir.Loop | None, values: tuple[ir.Expr, ...] = ()
    ) -> tuple[ir.Stmt, ...]:
        """Return statements inside the loop `inner`, and `values` made of them, without what is in tables."""
        if inner is not None and (size := self._size(inner.extent)) is not None:
            body = self._without(body, inner, size, values)
        return tuple(self._statement(statement, inner) for statement in body)

    def _statement(self, statement: ir.Stmt, inner: ir.Loop | None) -> ir.Stmt:
        match statement:
            case ir.Loop(body=body):
                return replace(statement, body=self.body(body, statement))
            case ir.If(body=body):
                return replace(statement, body=self.body(body, inner))
            case ir.Choose(then=then, otherwise=otherwise, then_value=one, otherwise_value=two):
                return replace(
                    statement,
                    then=self.body(then, inner, (one,)),
                    otherwise=self.body(otherwise, inner, (two,)),
                )
        return statement

    def _size(self, extent: ir.Expr) -> ir.Expr | None:
        """Return an extent in terms of the shapes of arguments, None if the outer loop changes it."""
        while isinstance(extent, ir.Var):
            if extent.name in self._inside or extent.name not in self._sizes:
                return None
            extent = self._sizes[extent.name]
        return extent if isinstance(extent, ir.Size) else None

    def _without(
        self, body: tuple[ir.Stmt, ...], inner: ir.Loop, size: ir.Expr, values: tuple[ir.Expr, ...]
    ) -> tuple[ir.Stmt, ...]:
        group = self._independent(body, inner.index)
        results = [s for s in group if isinstance(s, ir.Let) and _finished(s.expr)]
        gone = [s for s in group if s in results or not isinstance(s, ir.Let)]
        if not any(isinstance(s, ir.Loop) for s in gone):
            return body
        rest = [s for s in body if s not in gone]
        used = set().union(*(effects(s).uses for s in rest), *map(_names, values))
        if used & {s.name for s in gone if isinstance(s, ir.Accumulator)}:
            return body
        wanted = [s for s in results if s.name in used]
        place = (ir.Var(inner.index, "int"),)
        new = [s for s in wanted if s.name not in self._tables]
        for let in new:
            self._tables[let.name] = self._names.fresh(f"{let.name}_table")
            self.rooms.append(ir.Array(self._tables[let.name], let.type, (size,)))
        if new:
            stores = [ir.Store(self._tables[s.name], place, ir.Var(s.name, s.type)) for s in new]
            made = tuple(rewrite(statement, self._present) for statement in group)
            self.loops.append(ir.Loop(inner.index, inner.extent, (*made, *stores)))
        loads = {s.name: replace(s, expr=ir.Load(self._tables[s.name], place, s.type)) for s in wanted}
        return tuple(
            loads[s.name] if isinstance(s, ir.Let) and s.name in loads else s
            for s in body
            if s in rest or s in wanted
        )

    def _in_range(self, statement: ir.Stmt, index: str) -> bool:
        """Tell whether all is read at loop variables or extrema: nobody may want what other places hold."""
        loops = {index, *(s.index for s in ir.statements((statement,)) if isinstance(s, ir.Loop))}
        places = (p for e in ir.expressions((statement,)) if isinstance(e, ir.Load) for p in e.positions)
        return all(
            isinstance(p, ir.Const) or p in self._chosen or (isinstance(p, ir.Var) and p.name in loops)
            for p in places
        )

    def _present(self, expr: ir.Expr) -> ir.Expr | None:
        """Read at the place of an extremum only if the outer loop, which relied on there being one, runs."""
        if isinstance(expr, ir.Load) and any(p in self._chosen for p in expr.positions):
            return ir.Op("select", (self._runs, expr, ir.Const(Fraction(0), expr.type)), expr.type)
        return None

    def _independent(self, body: tuple[ir.Stmt, ...], index: str) -> list[ir.Stmt]:
        """Return the statements that loops in need of nothing but `index` consist of, in order."""
        known, pending = {index}, set[str]()
        found: list[ir.Stmt] = []
        for statement in body:
            touched = effects(statement)
            if isinstance(statement, ir.Accumulator):
                pending.add(statement.name)
                found.append(statement)
                continue
            pure = (
                not touched.stores and not touched.loads & self._stored and self._in_range(statement, index)
            )
            filled = touched.defines if isinstance(statement, ir.Loop) else frozenset()
            needs = (touched.uses - filled) & self._inside
            if isinstance(statement, ir.Let | ir.Loop) and pure and needs <= known and filled <= pending:
                known |= touched.defines
                found.append(statement)
                if isinstance(statement, ir.Let) and _is_position(statement.expr):
                    self._chosen.add(ir.Var(statement.name, "int"))
        wanted = {s.name for s in found if isinstance(s, ir.Let) and _finished(s.expr)}
        kept: list[ir.Stmt] = []
        for statement in reversed(found):
            touched = effects(statement)
            if touched.defines & wanted:
                wanted |= touched.uses
                kept.append(statement)
        return kept[::-1]


def _finished(expr: ir.Expr) -> bool:
    return any(isinstance(part, ir.Finish) for part in ir.subexpressions(expr))


def _names(expr: ir.Expr) -> set[str]:
    return set(effects(ir.Let("", expr.type, expr)).uses)


def _is_position(expr: ir.Expr) -> bool:
    return isinstance(expr, ir.Finish) and expr.part == "position"
