"""Which predictions and targets a value depends on, through names, accumulators and arrays."""

from __future__ import annotations

from collections import defaultdict

from lossgen.lower import ir

_DATA = ("pred", "target")


class Sources:
    """The floating-point predictions and targets behind every name of a kernel, arrays as a whole."""

    def __init__(self, function: ir.Function) -> None:
        self._behind: dict[str, set[str]] = defaultdict(set)
        for argument in function.arguments:
            if argument.role in _DATA and argument.type == "float":
                self._behind[argument.name].add(argument.name)
        # Recurrences read what later statements write: repeat until nothing is new.
        while sum(self._take(statement) for statement in ir.statements(function.body)):
            pass

    def of(self, expr: ir.Expr) -> frozenset[str]:
        """Return the sources of an expression; integers carry none, for they are never NaN."""
        match expr:
            case ir.Var(name, "float") | ir.Load(name, _, "float") | ir.Finish(name, _, "float"):
                return frozenset(self._behind[name])
            case ir.Op(args=args):
                return frozenset().union(*map(self.of, args))
        return frozenset()

    def _take(self, statement: ir.Stmt) -> bool:
        """Add what a statement says; tell whether that is new."""
        match statement:
            case ir.Let(name=name, expr=expr) | ir.Update(name=name, expr=expr):
                found = self.of(expr)
            case ir.Store(array=name, expr=expr):
                found = self.of(expr)
            case ir.Choose(name=name, condition=condition, then_value=a, otherwise_value=b):
                found = self.of(condition) | self.of(a) | self.of(b)
            case _:
                return False
        new = found - self._behind[name]
        self._behind[name] |= new
        return bool(new)
