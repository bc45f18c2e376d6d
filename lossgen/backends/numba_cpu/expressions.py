"""Expressions of the loop IR as Python text, broken over lines where they are long."""

from __future__ import annotations

from fractions import Fraction

from lossgen.backends.numba_cpu.spelling import spelling
from lossgen.lower import ir

WIDTH = 100
_INDENT = "    "

# How tightly operators bind in Python.
_LEVELS = {
    "select": 1, "or": 2, "and": 3, "not": 4, "lt": 5, "le": 5, "gt": 5, "ge": 5, "eq": 5, "ne": 5,
    "add": 6, "sub": 6, "gap": 6, "mul": 7, "div": 7, "quotient": 7, "floordiv": 7, "mod": 7,
    "neg": 8, "omexp": 8, "pow": 9,
}  # fmt: skip
_ATOM = 10
_SIGNS = {
    "or": "or", "and": "and", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//",
}  # fmt: skip


class Expressions:
    """Prints expressions and remembers which helpers they need."""

    spelling = staticmethod(spelling)

    def __init__(self, kinds: dict[str, str], narrow: frozenset[str] = frozenset()) -> None:
        self.kinds = kinds  # accumulator -> operation and type
        self.narrow = narrow  # arrays that hold less than what is computed in
        self.helpers: set[str] = set()
        self.uses_real = False

    def text(self, expr: ir.Expr) -> str:
        """Return the expression on one line."""
        match expr:
            case ir.Const():
                return self._constant(expr)
            case ir.Var(name=name):
                return self.variable(name)
            case ir.Load(array=array, positions=positions):
                entry = f"{array}[{', '.join(map(self.text, positions))}]"
                self.uses_real = self.uses_real or array in self.narrow
                return f"real({entry})" if array in self.narrow else entry
            case ir.Size(array=array, dim=dim):
                return f"{array}.shape[{dim}]"
            case ir.Finish():
                return self._finish(expr)
            case ir.Op():
                return self._op(expr)

    def variable(self, name: str) -> str:
        """Return how a name that is no array is read and written."""
        return name

    def broken(self, expr: ir.Expr, prefix: str, indent: str) -> list[str]:
        """Return ``prefix + expression`` as lines of at most `WIDTH` characters, as far as that is
        possible.
        """
        flat = self.text(expr)
        if len(indent) + len(prefix) + len(flat) <= WIDTH or not isinstance(expr, ir.Op):
            return [f"{indent}{prefix}{flat}"]
        return self._split(expr, prefix, indent)

    def _split(self, expr: ir.Op, prefix: str, indent: str) -> list[str]:
        inner = indent + _INDENT
        if (head := self._call(expr)) is not None:
            return self._split_call(expr, f"{prefix}{head}", indent)
        lines = [f"{indent}{prefix}("]
        for lead, part, level in self._parts(expr):
            text = self._inside(part, level)
            if len(inner) + len(lead) + len(text) <= WIDTH or not isinstance(part, ir.Op):
                lines.append(f"{inner}{lead}{text}")
            else:
                # Split even where it would fit without them: the parentheses are part of the meaning.
                lines += self._split(part, lead, inner)
        return [*lines, f"{indent})"]

    def _split_call(self, call: ir.Op, head: str, indent: str) -> list[str]:
        self.helpers.update(self.spelling(call.name).helpers)
        lines = [f"{indent}{head}("]
        for arg in call.args:
            part = self.broken(arg, "", indent + _INDENT)
            lines += [*part[:-1], f"{part[-1]},"]
        return [*lines, f"{indent})"]

    def _parts(self, expr: ir.Op) -> list[tuple[str, ir.Expr, int]]:
        """Split at the outermost operators: (text before, operand, binding strength required)."""
        level = _LEVELS.get(expr.name, _ATOM)
        if expr.name == "select":
            condition, a, b = expr.args
            return [("", a, level + 1), ("if ", condition, level + 1), ("else ", b, level)]
        if expr.name in ("and", "or"):
            return [("" if k == 0 else f"{expr.name} ", arg, level + 1) for k, arg in enumerate(expr.args)]
        if expr.name in _SIGNS:
            left, right = expr.args
            head = (
                self._parts(left)
                if isinstance(left, ir.Op) and _same_chain(left, level)
                else [("", left, level)]
            )
            return [*head, (f"{_SIGNS[expr.name]} ", right, level + 1)]
        if expr.name == "neg":
            return [("-", expr.args[0], level)]
        # A call is left whole; its arguments are long only where names are.
        return [("", _Whole(expr), _ATOM)]  # type: ignore[list-item]

    def _inside(self, expr: ir.Expr, level: int) -> str:
        if isinstance(expr, _Whole):
            return self.text(expr.expr)
        text = self.text(expr)
        return text if _level(expr) >= level else f"({text})"

    def _op(self, op: ir.Op) -> str:
        level = _LEVELS.get(op.name, _ATOM)
        if op.name == "float":
            self.uses_real = True
            return f"real({self.text(op.args[0])})"
        if op.name == "select":
            condition, a, b = op.args
            parts = self._inside(a, level + 1), self._inside(condition, level + 1), self._inside(b, level)
            return f"{parts[0]} if {parts[1]} else {parts[2]}"
        if op.name in ("and", "or"):
            return f" {op.name} ".join(self._inside(arg, level + 1) for arg in op.args)
        if op.name == "not":
            return f"not {self._inside(op.args[0], level)}"
        if op.name == "neg":
            return f"-{self._inside(op.args[0], level)}"
        if op.name in _SIGNS:
            left, right = op.args
            return f"{self._inside(left, level)} {_SIGNS[op.name]} {self._inside(right, level + 1)}"
        spelled = self.spelling(op.name)
        self.helpers.update(spelled.helpers)
        if level < _ATOM and "(" not in spelled.text:
            return spelled.text.format(*(self._inside(arg, level + 1) for arg in op.args))
        return spelled.text.format(*map(self.text, op.args))

    def _finish(self, expr: ir.Finish) -> str:
        kind = self.kinds[expr.accumulator]
        name, lost, at, big, small = (
            self.variable(expr.accumulator + ending) for ending in ("", "_lost", "_at", "_big", "_small")
        )
        if expr.part == "position":
            return at
        if kind == "sum float":
            self.helpers.add("total")
            self.uses_real = True
            return f"real(_total({name}, {lost}))"
        if kind == "count float":
            self.uses_real = True
            return f"real({name})"
        if kind == "norm float":
            self.helpers.add("norm_root")
            self.uses_real = True
            return f"real(_norm_root({big}, {name}, {lost}, {small}))"
        return name

    def _call(self, expr: ir.Op) -> str | None:
        """Return the function that an operation calls with all its arguments, None for other text."""
        if expr.name in _LEVELS or expr.name == "float":
            return None
        text = self.spelling(expr.name).text
        head = text.partition("(")[0]
        places = ", ".join(f"{{{k}}}" for k in range(len(expr.args)))
        return head if text == f"{head}({places})" else None

    def _constant(self, const: ir.Const) -> str:
        if const.type == "bool":
            return str(const.value)
        if const.type == "int":
            return str(int(const.value))
        self.uses_real = True
        return number(const.value)


class _Whole:
    """An operation that is not to be split further."""

    def __init__(self, expr: ir.Op) -> None:
        self.expr = expr


def _same_chain(expr: ir.Op, level: int) -> bool:
    return _LEVELS.get(expr.name, _ATOM) == level and expr.name in _SIGNS and level in (6, 7)


def _level(expr: ir.Expr) -> int:
    return _LEVELS.get(expr.name, _ATOM) if isinstance(expr, ir.Op) else _ATOM


def number(value: Fraction | float | bool) -> str:
    """Return a constant of either type.

    A decimal literal is rounded to float64 first and then perhaps to float32, which costs 1e-9 ulp at most.
    """
    if isinstance(value, float):
        return f"real({'-' if value < 0 else ''}math.inf)"
    fraction = Fraction(value)
    if fraction.denominator == 1 and abs(fraction.numerator) < 2**53:
        return f"real({fraction.numerator})"
    return f"real({float(fraction)!r})"
