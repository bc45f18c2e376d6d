"""Replace expressions in statements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lossgen.lower import ir

# An expression to what replaces it, or to None: then its parts are looked at.
Change = Callable[[ir.Expr], ir.Expr | None]


def rename(statement: ir.Stmt, old: str, new: str) -> ir.Stmt:
    """Return the statement with loop variable `old` replaced by `new`."""
    if old == new:
        return statement

    def change(expr: ir.Expr) -> ir.Expr | None:
        return replace(expr, name=new) if isinstance(expr, ir.Var) and expr.name == old else None

    return rewrite(statement, change)


def rewrite_expr(expr: ir.Expr, change: Change) -> ir.Expr:
    """Return the expression with every part changed that `change` has a replacement for."""
    if (changed := change(expr)) is not None:
        return changed
    match expr:
        case ir.Op(args=args):
            return replace(expr, args=tuple(rewrite_expr(arg, change) for arg in args))
        case ir.Load(positions=positions):
            return replace(expr, positions=tuple(rewrite_expr(p, change) for p in positions))
    return expr


def rewrite(statement: ir.Stmt, change: Change) -> ir.Stmt:
    """Return the statement with its expressions changed; the place of a store is changed as a load is."""

    def value(expr: ir.Expr) -> ir.Expr:
        return rewrite_expr(expr, change)

    def body(inner: tuple[ir.Stmt, ...]) -> tuple[ir.Stmt, ...]:
        return tuple(rewrite(s, change) for s in inner)

    match statement:
        case ir.Let(expr=expr):
            return replace(statement, expr=value(expr))
        case ir.Loop(extent=extent, body=inner):
            return replace(statement, extent=value(extent), body=body(inner))
        case ir.Update(expr=expr, position=position):
            return replace(
                statement, expr=value(expr), position=None if position is None else value(position)
            )
        case ir.Store(array=array, positions=positions, expr=expr):
            place = value(ir.Load(array, positions, expr.type))
            return replace(statement, positions=ir.children(place), expr=value(expr))
        case ir.If(condition=condition, body=inner):
            return replace(statement, condition=value(condition), body=body(inner))
        case ir.Choose():
            return replace(
                statement,
                condition=value(statement.condition),
                then=body(statement.then),
                then_value=value(statement.then_value),
                otherwise=body(statement.otherwise),
                otherwise_value=value(statement.otherwise_value),
            )
        case ir.Sort(count=count):
            return replace(statement, count=value(count))
    return statement
