"""Replace a loop variable in statements."""

from __future__ import annotations

from dataclasses import replace

from lossgen.lower import ir


def rename(statement: ir.Stmt, old: str, new: str) -> ir.Stmt:
    """Return the statement with loop variable `old` replaced by `new`."""
    if old == new:
        return statement

    def value(expr: ir.Expr) -> ir.Expr:
        match expr:
            case ir.Var(name=name) if name == old:
                return replace(expr, name=new)
            case ir.Op(args=args):
                return replace(expr, args=tuple(map(value, args)))
            case ir.Load(positions=positions):
                return replace(expr, positions=tuple(map(value, positions)))
        return expr

    def body(inner: tuple[ir.Stmt, ...]) -> tuple[ir.Stmt, ...]:
        return tuple(rename(s, old, new) for s in inner)

    match statement:
        case ir.Let(expr=expr):
            return replace(statement, expr=value(expr))
        case ir.Loop(extent=extent, body=inner):
            return replace(statement, extent=value(extent), body=body(inner))
        case ir.Update(expr=expr, position=position):
            return replace(
                statement, expr=value(expr), position=None if position is None else value(position)
            )
        case ir.Store(positions=positions, expr=expr):
            return replace(statement, positions=tuple(map(value, positions)), expr=value(expr))
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
