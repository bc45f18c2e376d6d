"""Expressions as Python code over series."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Delta, Detach, Reduction, Where
from lossgen.algebra.tensors import Element
from lossgen.oracle.blocks import Blocks, index_name, tensor_name
from lossgen.oracle.series import FUNCTIONS

_RELATIONS = {
    sp.StrictLessThan: "<",
    sp.LessThan: "<=",
    sp.StrictGreaterThan: ">",
    sp.GreaterThan: ">=",
    sp.Eq: "==",
    sp.Ne: "!=",
}


def is_integer(expr: sp.Basic) -> bool:
    """Whether the expression is evaluated in Python integers: positions, sizes, labels."""
    if isinstance(expr, sp.Integer | Index | Axis | Delta | sp.floor):
        return True
    if isinstance(expr, Element):
        return bool(expr.tensor.dtype == "int")
    if isinstance(expr, Reduction):
        return expr.op.startswith("arg") or (expr.op in ("sum", "max", "min") and is_integer(expr.body))
    if isinstance(expr, Where):
        return is_integer(expr.args[1]) and is_integer(expr.args[2])
    if isinstance(expr, sp.Add | sp.Mul | sp.Max | sp.Min | sp.Mod | sp.Abs):
        return all(map(is_integer, expr.args))
    if isinstance(expr, sp.Pow):
        return is_integer(expr.base) and isinstance(expr.exp, sp.Integer) and expr.exp > 0
    return False


class Writer(Blocks):
    """Writes expressions: every subexpression becomes one local name."""

    def __init__(self) -> None:
        super().__init__()
        # The sums and extremes met so far; each has its place here as its number.
        self.sums: list[Reduction] = []

    # Integers and conditions

    def integer(self, expr: sp.Basic) -> str:
        """Return code for an integer."""
        if isinstance(expr, sp.Integer):
            return f"({int(expr)})"
        if isinstance(expr, Index):
            return index_name(expr)
        if isinstance(expr, Axis):
            return f"n_{expr.name}"
        if (known := self.lookup(expr)) is not None:
            return known
        if isinstance(expr, Reduction):
            return self._reduction(expr)
        if isinstance(expr, Where):
            return self._where(expr, self.integer)
        return self.remember(expr, self._integer_code(expr), "i")

    def _integer_code(self, expr: sp.Basic) -> str:
        if isinstance(expr, Element):
            return self._element(expr)
        if isinstance(expr, sp.floor):
            above, below = expr.args[0].as_numer_denom()
            return f"{self.integer(above)} // {self.integer(below)}"
        parts = [self.integer(arg) for arg in expr.args]
        match expr:
            case sp.Add():
                return " + ".join(parts)
            case sp.Mul():
                return " * ".join(parts)
            case sp.Pow():
                return f"{parts[0]} ** {parts[1]}"
            case sp.Max() | sp.Min():
                return f"{type(expr).__name__.lower()}({', '.join(parts)})"
            case sp.Mod():
                return f"{parts[0]} % {parts[1]}"
            case sp.Abs():
                return f"abs({parts[0]})"
            case Delta():
                return f"int({parts[0]} == {parts[1]})"
        raise NotImplementedError(f"integer expression {expr!r}")

    def condition(self, expr: sp.Basic) -> str:
        """Return code for a condition."""
        if isinstance(expr, BooleanTrue | BooleanFalse):
            return str(bool(expr))
        if (known := self.lookup(expr)) is not None:
            return known
        if isinstance(expr, sp.And | sp.Or):
            return self._connective(expr)
        if isinstance(expr, sp.Not):
            return self.remember(expr, f"not {self.condition(expr.args[0])}", "b")
        relation = _RELATIONS[type(expr)]
        left, right = expr.args
        if is_integer(left) and is_integer(right):
            return self.remember(expr, f"{self.integer(left)} {relation} {self.integer(right)}", "b")
        return self.remember(expr, f"compare({self.real(left)}, {self.real(right)}) {relation} 0", "b")

    def _connective(self, expr: sp.Basic) -> str:
        # Conditions on positions come first and guard the reads of the others.
        stop = isinstance(expr, sp.Or)
        args = sorted(expr.args, key=lambda arg: (bool(arg.atoms(Element)), sp.default_sort_key(arg)))
        name = self.name("b")
        self.put(f"{name} = {not stop}")
        for arg in args:
            with self.block(f"if {'not ' if stop else ''}{name}:"):
                self.put(f"{name} = {self.condition(arg)}")
        self.known[-1][expr] = name
        return name

    # Real numbers

    def real(self, expr: sp.Basic) -> str:
        """Return the name that holds the series of a real expression."""
        if (known := self.lookup(expr)) is not None and not is_integer(expr):
            return known
        if is_integer(expr):
            key = ("real", expr)
            known = self.lookup(key)
            return known or self.remember(key, f"constant({self.integer(expr)})")
        if isinstance(expr, Reduction):
            return self._reduction(expr)
        if isinstance(expr, Where):
            return self._where(expr, self.real)
        return self.remember(expr, self._real_code(expr))

    def _real_code(self, expr: sp.Basic) -> str:
        match expr:
            case sp.Rational():
                return f"constant(arb({expr.p}) / {expr.q})"
            case sp.core.numbers.Exp1():
                return "constant(arb(1).exp())"
            case sp.core.numbers.Pi():
                return "constant(arb.pi())"
            case Element():
                return self._element(expr)
            case Detach():
                return f"constant({self.real(expr.args[0])}[0])"
            case sp.Add():
                return self._sum(expr)
            case sp.Mul():
                return self._product(expr)
            case sp.Pow():
                return self._power(expr.base, expr.exp)
            case sp.Max() | sp.Min():
                helper = "maximum" if isinstance(expr, sp.Max) else "minimum"
                split = len(expr.args) == 2 and not any(arg.is_number for arg in expr.args)
                code, *rest = map(self.real, sorted(expr.args, key=sp.default_sort_key))
                for arg in rest:
                    code = f"{helper}({code}, {arg}, {split})"
                return code
        name = type(expr).__name__
        if name not in FUNCTIONS:
            raise NotImplementedError(f"the oracle has no evaluator for {name}: {expr!r}")
        return f"{name}_({', '.join(map(self.real, expr.args))})"

    def _sum(self, expr: sp.Add) -> str:
        # a - detach(a) is exactly 0, which two balls cannot know.
        rest = list(expr.args)
        parts = []
        for arg in expr.args:
            if -Detach(arg) in rest:
                parts.append(f"varying({self.real(arg)})")
                rest.remove(arg)
                rest.remove(-Detach(arg))
        return " + ".join([*parts, *map(self.real, rest)])

    def _product(self, expr: sp.Mul) -> str:
        above, below = [], []
        for factor in expr.args:
            power = factor if isinstance(factor, sp.Pow) and not is_integer(factor) else None
            if power is not None and power.exp.is_number and power.exp.is_negative:
                below.append(self.real(sp.Pow(power.base, -power.exp)))
            else:
                above.append(self.real(factor))
        numerator = " * ".join(above) or "constant(1)"
        return f"divide({numerator}, {' * '.join(below)})" if below else numerator

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> str:
        if exponent.is_number and exponent.is_negative:
            return f"divide(constant(1), {self.real(sp.Pow(base, -exponent))})"
        if isinstance(exponent, sp.Integer):
            return f"integer_power({self.real(base)}, {int(exponent)})"
        if exponent == sp.S.Half:
            return f"sqrt_({self.real(base)})"
        return f"power({self.real(base)}, {self.real(exponent)})"

    def _element(self, expr: Element) -> str:
        positions = "".join(f"{self.integer(position)}, " for position in expr.positions)
        return f"{tensor_name(expr)}[({positions})]"

    def _where(self, expr: Where, write: Callable[[sp.Expr], str]) -> str:
        test, first, second = expr.args
        code, name = self.condition(test), self.name()
        for header, branch in ((f"if {code}:", first), ("else:", second)):
            with self.block(header):
                self.put(f"{name} = {write(branch)}")
        self.known[-1][expr] = name
        return name

    def _reduction(self, expr: Reduction) -> str:
        for inner in _loop_invariant(expr.body, expr.index):
            (self.integer if is_integer(inner) else self.real)(inner)
        name, loop = self.name(), f"for {index_name(expr.index)} in range(n_{expr.index.axis.name}):"
        getattr(self, f"_loop_{expr.op}")(expr, name, loop)
        self.known[-1][expr] = name
        return name

    def _loop_sum(self, expr: Reduction, name: str, loop: str) -> None:
        if is_integer(expr):
            self.put(f"{name} = 0")
            with self.block(loop):
                self.put(f"{name} += {self.integer(expr.body)}")
            return
        self.put(f"{name} = constant(0)")
        with self.block(loop):
            self.put(f"{name} = {name} + {self._movable_term(expr)}")

    def _movable_term(self, expr: Reduction) -> str:
        if expr not in self.sums:
            self.sums.append(expr)
        body = self.real(expr.body)
        return f"({body} if moves is None else moves.term({self.sums.index(expr)}, {body}))"

    def _extreme(self, expr: Reduction, name: str, loop: str, relation: str, position: bool) -> None:
        best = self.name()
        self.put(f"{name} = {best} = None")
        with self.block(loop):
            body = self.name()
            whole = is_integer(expr.body)
            self.put(f"{body} = {self.integer(expr.body) if whole else self._movable_term(expr)}")
            better = (
                f"{body} {relation} {best}"
                if is_integer(expr.body)
                else f"compare({body}, {best}) {relation} 0"
            )
            with self.block(f"if {best} is None or {better}:"):
                self.put(f"{best} = {body}")
                self.put(f"{name} = {index_name(expr.index) if position else body}")

    def _loop_max(self, expr: Reduction, name: str, loop: str) -> None:
        self._extreme(expr, name, loop, ">", position=False)

    def _loop_min(self, expr: Reduction, name: str, loop: str) -> None:
        self._extreme(expr, name, loop, "<", position=False)

    def _loop_argmax(self, expr: Reduction, name: str, loop: str) -> None:
        self._extreme(expr, name, loop, ">", position=True)

    def _loop_argmin(self, expr: Reduction, name: str, loop: str) -> None:
        self._extreme(expr, name, loop, "<", position=True)

    def _loop_lse(self, expr: Reduction, name: str, loop: str) -> None:
        self.put(f"{name} = constant(0)")
        with self.block(loop):
            self.put(f"{name} = {name} + exp_({self.real(expr.body)})")
        self.put(f"{name} = log_({name})")

    def _loop_norm(self, expr: Reduction, name: str, loop: str) -> None:
        self.put(f"{name} = constant(0)")
        with self.block(loop):
            body = self.real(expr.body)
            self.put(f"{name} = {name} + {body} * {body}")
        self.put(f"{name} = sqrt_({name})")


def _loop_invariant(body: sp.Basic, index: Index) -> list[Reduction]:
    """Reductions inside a body that do not depend on its index and are always evaluated."""
    if isinstance(body, Reduction) and index not in body.free_symbols:
        free = {s for s in body.free_symbols if isinstance(s, Index)}
        bound = {node.index for node in body.atoms(Reduction)}
        return [] if free & bound else [body]
    if isinstance(body, Reduction | Where):
        return []
    return [found for arg in body.args for found in _loop_invariant(arg, index)]
