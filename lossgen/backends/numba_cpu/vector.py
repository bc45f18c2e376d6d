"""Loops that run in vector registers: their steps compute and store, and what is reduced over them is taken
from an array afterwards, for a running sum would make each step wait for the one before.

Everything calls `vm`, the runtime's vector mathematics, where helpers are written with `math`.
"""

from __future__ import annotations

import re

from lossgen.backends.numba_cpu import spelling as scalar
from lossgen.backends.numba_cpu.accumulators import state
from lossgen.backends.numba_cpu.expressions import WIDTH, Expressions
from lossgen.backends.numba_cpu.spelling import NEEDS, Spelling, looked_up
from lossgen.backends.numba_cpu.statements import Statements
from lossgen.lower import ir
from lossgen.lower.coupling import coupled

__all__ = ["HELPERS", "INLINED", "NEEDS", "SPELLINGS", "VectorExpressions", "VectorStatements", "spelling"]

INLINED = "@inlined"
# In helpers exp of a number that is subtracted is at most 1.
_UNIT = re.compile(r"\bmath\.log1p\((?=math\.exp\(-)")
_SCALAR = re.compile(r"\bmath\.(exp|expm1|log|log1p|tanh)\(")
# Powers in helpers: a word or a call, and the exponent as a word or in parentheses.
_POWER = re.compile(r"(abs\(a\)|\bb) \*\* (\w+|\([^()]*\([^()]*\)[^()]*\))")


def _vector(text: str) -> str:
    return _SCALAR.sub(r"vm.\1(", _UNIT.sub("vm.log1p_unit(", text))


def _helper(text: str) -> str:
    code = _POWER.sub(lambda found: f"vm.power({found[1]}, {found[2].strip('()')})", text)
    return _vector(code).replace("@njit", INLINED)


HELPERS: dict[str, str] = {name: _helper(text) for name, text in scalar.HELPERS.items()}
SPELLINGS: dict[str, Spelling] = {
    **{name: Spelling(_vector(row.text), row.helpers) for name, row in scalar.SPELLINGS.items()},
    "pow": Spelling("vm.power({0}, {1})"),
    "log1p_unit": Spelling("vm.log1p_unit({0})"),
}


def spelling(name: str) -> Spelling:
    """Return how a function is written."""
    return looked_up(name, SPELLINGS, "numba_cpu")


class VectorExpressions(Expressions):
    """Prints expressions with vector mathematics."""

    spelling = staticmethod(spelling)


# How a whole array is taken into an accumulator, by operation and type.
_TAKEN = {
    "sum float": "vm.added",
    "count float": "vm.added",
    "norm float": "_norm_added",
    "argmax float": "vm.larger",
    "argmin float": "vm.smaller",
}
_INDENT = "    "


class VectorStatements(Statements):
    """Prints the body of a function, loops whose steps are independent in a form that vectorises."""

    printer = VectorExpressions

    def statement(self, statement: ir.Stmt, indent: str) -> list[str]:
        """Return the lines of one statement."""
        if isinstance(statement, ir.Loop) and self._is_split(statement):
            return self._split(statement, indent)
        return super().statement(statement, indent)

    def _is_split(self, loop: ir.Loop) -> bool:
        """Return whether reductions of a loop are taken out of it."""
        updates = [s for s in loop.body if isinstance(s, ir.Update)]
        return (
            bool(updates)
            and all(isinstance(s, ir.Let | ir.Store | ir.Update) for s in loop.body)
            and all(self.expressions.kinds[s.name] in _TAKEN and _counts(s, loop.index) for s in updates)
            and coupled(loop) is None
        )

    def _split(self, loop: ir.Loop, indent: str) -> list[str]:
        show = self.expressions
        size = show.text(loop.extent)
        rooms: list[str] = []
        steps: list[str] = []
        taken: list[str] = []
        for part in loop.body:
            if not isinstance(part, ir.Update):
                steps += self.statement(part, indent + _INDENT)
                continue
            term, apart = _without(part, loop.index)
            if (terms := self._given(term, loop, changed=apart is not None)) is None:
                terms = f"{part.name}_terms"
                rooms.append(f"{indent}{terms} = np.empty({size}, real)")
                steps += show.broken(term, f"{terms}[{loop.index}] = ", indent + _INDENT)
                show.uses_real = True
            names, kind = ", ".join(self._names[part.name]), show.kinds[part.name]
            given = names
            if kind == "count float":  # a sum from which rounding takes nothing
                names, given = f"{part.name}, _", f"{part.name}, 0.0"
            elif kind == "norm float":
                show.helpers.add("norm_added")
            extra = (part.position and _first(part.position)) or apart
            offset = "" if extra is None else f", {show.text(extra)}"
            ending = "" if apart is None else "_but"
            head = f"{indent}{names} = {_TAKEN[kind]}{ending}("
            inside = f"{given}, {terms}{offset}"
            line = f"{head}{inside})"
            taken += [line] if len(line) <= WIDTH else [head, f"{indent}{_INDENT}{inside}", f"{indent})"]
        header = [f"{indent}for {loop.index} in range({size}):"] if steps else []
        return [*rooms, *header, *steps, *taken]

    def _given(self, expr: ir.Expr, loop: ir.Loop, changed: bool) -> str | None:
        """Return the array that is reduced as it is, None if its entries have to be computed.

        What is given must neither be changed on the way nor be narrower than what is computed in.
        """
        if not isinstance(expr, ir.Load) or expr.positions[-1:] != (_own(loop.index),):
            return None
        row = expr.positions[:-1]
        inside = {loop.index, *(s.name for s in loop.body if isinstance(s, ir.Let))}
        if not all(isinstance(position, ir.Var) and position.name not in inside for position in row):
            return None
        own = any(expr.array == room.name for room in self.function.workspace)
        if not own and (changed or self.function.wide):
            return None
        place = f"[{', '.join(map(self.expressions.text, row))}]" if row else ""
        return f"{expr.array}{place}[:{self.expressions.text(loop.extent)}]"

    @property
    def _names(self) -> dict[str, tuple[str, ...]]:
        return {
            s.name: state(s).names for s in ir.statements(self.function.body) if isinstance(s, ir.Accumulator)
        }


def _own(index: str) -> ir.Var:
    return ir.Var(index, "int")


def _without(update: ir.Update, index: str) -> tuple[ir.Expr, ir.Expr | None]:
    """Return the terms of a sum, and the position whose term is left out of it, if there is one."""
    if update.op in ("sum", "count"):
        match update.expr:
            case ir.Op("select", (ir.Op("ne", (ir.Var(name), place)), term, ir.Const(0))) if name == index:
                return term, place
    return update.expr, None


def _counts(update: ir.Update, index: str) -> bool:
    """Return whether the position of a term, if it has one, is that of its step or an offset from it."""
    own, at = _own(index), update.position
    return at is None or at == own or (isinstance(at, ir.Op) and at.name == "add" and at.args[1] == own)


def _first(position: ir.Expr) -> ir.Expr:
    """Return the position of the first step."""
    return position.args[0] if isinstance(position, ir.Op) else ir.Const(0, "int")
