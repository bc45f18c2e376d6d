"""NaN in, NaN out, where a kernel chooses: a comparison with NaN is false, and would hide it.

The branch that NaN leads to must depend on what was compared. Where only the other branch does, the
complementary comparison changes places with it; where neither does (a step), something is added that is 0 but
for NaN: a third branch would keep loops from running as vectors. No other number is affected.
"""

from __future__ import annotations

from dataclasses import replace

from lossgen.lower import ir
from lossgen.lower.sources import Sources

_COMPLEMENTS = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt"}


def let_nan_through(function: ir.Function) -> ir.Function:
    """Return the function with choices that hide no NaN of predictions and targets."""
    rewriter = _Rewriter(Sources(function))
    return replace(
        function,
        body=rewriter.statements(function.body),
        returns=tuple(map(rewriter.expr, function.returns)),
    )


class _Rewriter:
    def __init__(self, sources: Sources) -> None:
        self.sources = sources

    def statements(self, body: tuple[ir.Stmt, ...]) -> tuple[ir.Stmt, ...]:
        return tuple(map(self.statement, body))

    def statement(self, statement: ir.Stmt) -> ir.Stmt:
        match statement:
            case ir.Let(expr=expr) | ir.Update(expr=expr) | ir.Store(expr=expr):
                return replace(statement, expr=self.expr(expr))
            case ir.Loop(body=body):
                return replace(statement, body=self.statements(body))
            case ir.If(body=body):
                return self._guarded(replace(statement, body=self.statements(body)))
            case ir.Choose():
                return self._chosen(
                    replace(
                        statement,
                        then=self.statements(statement.then),
                        then_value=self.expr(statement.then_value),
                        otherwise=self.statements(statement.otherwise),
                        otherwise_value=self.expr(statement.otherwise_value),
                    )
                )
        return statement

    def expr(self, expr: ir.Expr) -> ir.Expr:
        if not isinstance(expr, ir.Op):
            return expr
        expr = replace(expr, args=tuple(map(self.expr, expr.args)))
        return self._selected(expr) if expr.name == "select" else expr

    def _selected(self, select: ir.Op) -> ir.Op:
        comparison = _comparison(select.args[0])
        if comparison is None or select.type != "float":
            return select
        a, b = select.args[1:]
        if comparison.name == "ne":
            comparison, a, b = _equal(comparison), b, a
        if self._reaches(comparison, b):
            return select
        if self._reaches(comparison, a):
            return ir.Op("select", (_complement(comparison), b, a), "float")
        return self._with_nan(select, comparison)

    def _chosen(self, choice: ir.Choose) -> ir.Choose:
        comparison = _comparison(choice.condition)
        if comparison is None or choice.type != "float":
            return choice
        if comparison.name == "ne":
            return self._chosen(_swapped(choice, _equal(comparison)))
        if self._reaches(comparison, choice.otherwise_value):
            return choice
        if self._reaches(comparison, choice.then_value):
            return _swapped(choice, _complement(comparison))
        # With NaN the comparison is false.
        return replace(choice, otherwise_value=self._with_nan(choice.otherwise_value, comparison))

    def _guarded(self, guard: ir.If) -> ir.If:
        """What a guard leaves out is left out only where the comparison says so."""
        comparison = _comparison(guard.condition)
        if comparison is None or comparison.name == "ne" or not self.sources.of(comparison):
            return guard
        body = tuple(
            replace(s, expr=self._with_nan(s.expr, comparison))
            if isinstance(s, ir.Store) and s.expr.type == "float" and not self._reaches(comparison, s.expr)
            else s
            for s in guard.body
        )
        return ir.If(ir.Op("not", (_complement(comparison),), "bool"), body)

    def _with_nan(self, value: ir.Expr, comparison: ir.Op) -> ir.Op:
        """Add what is NaN if one of the compared numbers is, and else 0."""
        for side in comparison.args:
            if self.sources.of(side):
                value = ir.Op("add", (value, ir.Op("nan_or_zero", (side,), "float")), "float")
        assert isinstance(value, ir.Op)
        return value

    def _reaches(self, comparison: ir.Op, value: ir.Expr) -> bool:
        return self.sources.of(comparison) <= self.sources.of(value)


def _comparison(condition: ir.Expr) -> ir.Op | None:
    """Return a comparison of floating-point numbers."""
    if isinstance(condition, ir.Op) and condition.name in (*_COMPLEMENTS, "eq", "ne"):
        return condition if condition.args[0].type == "float" else None
    return None


def _equal(comparison: ir.Op) -> ir.Op:
    return replace(comparison, name="eq")


def _complement(comparison: ir.Op) -> ir.Op:
    """Return what holds where the comparison does not; with NaN neither does."""
    if comparison.name == "eq":
        return ir.Op("or", tuple(replace(comparison, name=name) for name in ("lt", "gt")), "bool")
    return replace(comparison, name=_COMPLEMENTS[comparison.name])


def _swapped(choice: ir.Choose, condition: ir.Op) -> ir.Choose:
    return ir.Choose(
        choice.name,
        choice.type,
        condition,
        choice.otherwise,
        choice.otherwise_value,
        choice.then,
        choice.then_value,
    )
