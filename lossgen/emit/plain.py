"""Formulas as plain text, in the words of the spec language, as a terminal shows and a person types them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Detach, Reduction, Where
from lossgen.algebra.tensors import Element, Tensor, unweighted
from lossgen.algebra.vocabulary import exact
from lossgen.spec.functions import FUNCTIONS
from lossgen.spec.program import Assign, Program, Sort, Sweep

__all__ = ["assigned_text", "curvature_texts", "formula_text", "gradient_texts", "plain"]

# Cases that are longer have their condition on the next line.
_WIDTH = 72
_REDUCTIONS = {
    "sum": "Sum", "max": "Max", "min": "Min", "argmax": "argmax", "argmin": "argmin", "lse": "logsumexp",
    "norm": "norm",
}  # fmt: skip
# Functions that are names for something short; the precedence below which their arguments get brackets.
_OPERATORS = {
    "omexp": ("1 - exp({0})", 0),
    "logshare": ("{0} - {1}", PRECEDENCE["Mul"]),
    "quotient": ("{0}/{1}", PRECEDENCE["Mul"]),
    "outgrown": ("{0} + {1}", 0),
    "gated": ("{0}*{1}", PRECEDENCE["Mul"]),
}
_RELATIONS = {"Eq": "==", "Ne": "!="}


class _Printer(StrPrinter):
    # Nodes have texts of their own, for debugging: not here.
    printmethod = ""

    def __init__(self, named: bool = False) -> None:
        super().__init__()
        self.named = named

    def _print_Element(self, expr: Element) -> str:
        inside = ", ".join(map(self._print, expr.positions))
        return f"{expr.tensor.name}[{inside}]" if inside else str(expr.tensor.name)

    def _print_Axis(self, expr: Axis) -> str:
        return str(expr.name)

    def _print_Tensor(self, expr: Tensor) -> str:
        return str(expr.name)

    def _print_Index(self, expr: Index) -> str:
        if (mark := re.search("[@%#]", expr.name)) is not None:  # a name for a rewriting only
            return expr.name[: mark.start()]
        return "".join(expr.letters)

    def _print_Where(self, expr: Where) -> str:
        return f"where({', '.join(map(self._print, expr.args))})"

    def _print_Delta(self, expr: sp.Expr) -> str:
        return f"where({self._print(expr.args[0])} == {self._print(expr.args[1])}, 1, 0)"

    def _print_Detach(self, expr: Detach) -> str:
        return f"detach({self._print(expr.args[0])})"

    def _print_Reduction(self, expr: Reduction) -> str:
        power = () if expr.power is None else (expr.power,)
        return f"{_REDUCTIONS[expr.op]}({', '.join(map(self._print, (expr.body, expr.index, *power)))})"

    def _print_Mod(self, expr: sp.Mod) -> str:
        return f"({' % '.join(self.parenthesize(arg, PRECEDENCE['Mul'], True) for arg in expr.args)})"

    def _print_Abs(self, expr: sp.Expr) -> str:
        return f"|{self._print(expr.args[0])}|"

    def _print_polynomial(self, expr: sp.Function) -> str:
        return f"polynomial({self._print(expr.args[0])}, degree {len(expr.args) - 2})"

    def _print_Function(self, expr: sp.Function) -> str:
        if self.named or expr.func.__name__ not in _OPERATORS:
            return str(super()._print_Function(expr))
        operator, level = _OPERATORS[expr.func.__name__]
        return operator.format(*(self.parenthesize(arg, level) for arg in expr.args))

    def parenthesize(self, item: sp.Basic, level: int, strict: bool = False) -> str:
        text: str = super().parenthesize(item, level, strict)
        bare = isinstance(item, sp.Function) and item.func.__name__ in _OPERATORS and not self.named
        return f"({text})" if bare and level else text

    def _print_Relational(self, expr: Any) -> str:
        left, right = map(self._print, expr.args)
        return f"{left} {_RELATIONS.get(expr.func.__name__, expr.rel_op)} {right}"

    _print_Equality = _print_Unequality = _print_Relational

    def _print_And(self, expr: sp.And) -> str:
        parts = sorted(expr.args, key=sp.default_sort_key)
        return " and ".join(self.parenthesize(part, PRECEDENCE["And"]) for part in parts)

    def _print_Or(self, expr: sp.Or) -> str:
        parts = sorted(expr.args, key=sp.default_sort_key)
        return " or ".join(self.parenthesize(part, PRECEDENCE["Or"]) for part in parts)

    def _print_Not(self, expr: sp.Not) -> str:
        return f"not ({self._print(expr.args[0])})"


def plain(expr: sp.Basic, named: bool = False) -> str:
    """Return an expression as one line of text, stable functions as what they are or by their names."""
    text: str = _Printer(named).doprint(expr)
    return text


def _cases(name: str, expr: sp.Basic, named: bool = False) -> str:
    """Return ``name = value``, a choice at the top with one line for each case."""
    values, conditions = [], []
    while isinstance(expr, Where):
        values.append(plain(expr.args[1], named))
        conditions.append(f"if {plain(expr.args[0])}")
        expr = expr.args[2]
    values.append(plain(expr, named))
    conditions.append("otherwise" if conditions else "")
    width = max(map(len, values))
    if len(values) > 1 and width + max(map(len, conditions)) > _WIDTH:
        lines = [line for one, when in zip(values, conditions, strict=True) for line in (one, f"  {when}")]
    else:
        lines = [f"{value:<{width}}  {when}".rstrip() for value, when in zip(values, conditions, strict=True)]
    return f"{name} = " + f"\n{' ' * (len(name) + 3)}".join(lines)


def formula_text(program: Program) -> str:
    """Return the loss of a sample as lines of text, with the definitions it uses."""
    lines: list[str] = []
    for stage in program.stages:
        if isinstance(stage, Sort):
            direction = ", descending" if stage.descending else ""
            lines.append(f"{stage.order.name} = argsort({plain(stage.key)}{direction})")
        else:
            lines += [_cases(plain(assign.target), assign.expr) for assign in stage.body]
    items = ", ".join(map(plain, program.terms[0].items))
    left = f"loss[{items}]" if items else "loss"
    if len(program.terms) == 1 and program.terms[0].coefficient == 1:
        return "\n".join([*lines, _cases(left, program.terms[0].value)])
    mean = "mean" if len(program.terms) > 1 else ""
    terms = [f"{plain(term.coefficient)}*{mean}({plain(term.value)})" for term in program.terms]
    return "\n".join([*lines, f"{left} = " + f"\n{' ' * (len(left) + 1)}+ ".join(terms)])


def assigned_text(assign: Assign) -> str:
    """Return an assignment as lines of text, with the condition under which it is made."""
    text = _cases(plain(assign.target), assign.expr, named=True)
    text = text.replace(" = ", " += ", 1) if assign.add else text
    return text if assign.guard == sp.true else f"{text}\n  where {plain(assign.guard)}"


def gradient_texts(steps: tuple[Any, ...]) -> dict[str, str]:
    """Return each gradient that is one expression, by name of the argument; weights are left out."""
    found: dict[str, str] = {}
    for step in steps:
        for assign in step.body if isinstance(step, Sweep) else ():
            tensor = assign.target.tensor
            if tensor.role == "output" and not assign.add:
                name = tensor.name.removeprefix("grad_")
                found[name] = _cases(f"d loss/d {_place(name, assign)}", _known(unweighted(assign.expr)))
    return found


def _known(expr: sp.Expr) -> sp.Expr:
    """Return an expression in which functions that nobody writes in a formula are what they mean."""
    return exact(expr, lambda node: node.func.__name__ in (*FUNCTIONS, *_OPERATORS))


def curvature_texts(assigns: Iterable[Assign]) -> dict[str, str]:
    """Return each curvature, by name of the argument; weights are left out."""
    found: dict[str, str] = {}
    for assign in assigns:
        name = assign.target.tensor.name.removeprefix("hess_")
        found[name] = _cases(f"curvature by {_place(name, assign)}", exact(unweighted(assign.expr)))
    return found


def _place(name: str, assign: Assign) -> str:
    positions = ", ".join(map(plain, assign.target.positions))
    return f"{name}[{positions}]" if positions else name
