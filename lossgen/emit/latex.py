"""Formulas as LaTeX: SymPy's printer, taught our nodes."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element
from lossgen.algebra.vocabulary import StableFunction
from lossgen.spec.program import Program, Sort, Sweep

# Letters of bound indices by the height of their binder; free indices keep the letter of their axis.
_BOUND = ("j", "i", "k", "l", "m")
_OPERATORS = {
    "sum": r"\sum_{{{0}}}",
    "max": r"\max_{{{0}}}",
    "min": r"\min_{{{0}}}",
    "argmax": r"\operatorname*{{argmax}}_{{{0}}}",
    "argmin": r"\operatorname*{{argmin}}_{{{0}}}",
    "lse": r"\operatorname*{{logsumexp}}_{{{0}}}",
}


class _Printer(LatexPrinter):
    def _name(self, name: str) -> str:
        return name if len(name) == 1 else rf"\mathrm{{{name}}}".replace("_", r"\_")

    def _print_Element(self, expr: Element) -> str:
        name = self._name(expr.tensor.name)
        inside = ", ".join(self._print(position) for position in expr.positions)
        return f"{name}_{{{inside}}}" if inside else name

    def _print_Axis(self, expr: Axis) -> str:
        return self._name(expr.name)

    def _print_Index(self, expr: Index) -> str:
        stem, _, height = expr.name.rpartition("_")
        if stem and height.isdigit():
            return _BOUND[(int(height) - 1) % len(_BOUND)]
        return self._name(expr.name.rstrip("0123456789")) + "'" * (
            len(expr.name) - len(expr.name.rstrip("0123456789"))
        )

    def _print_Where(self, expr: Where) -> str:
        rows: list[str] = []
        rest: sp.Expr = expr
        while isinstance(rest, Where):
            rows.append(rf"{self._print(rest.args[1])} & \text{{if}}\ {self._print(rest.args[0])}")
            rest = rest.args[2]
        rows.append(rf"{self._print(rest)} & \text{{otherwise}}")
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"

    def _print_Delta(self, expr: sp.Expr) -> str:
        return rf"\delta_{{{self._print(expr.args[0])}, {self._print(expr.args[1])}}}"

    def _print_Detach(self, expr: sp.Expr) -> str:
        return rf"\operatorname{{detach}}\left({self._print(expr.args[0])}\right)"

    def _print_Reduction(self, expr: Reduction) -> str:
        body = self._print(expr.body)
        if expr.op == "norm":
            return rf"\left\lVert {body} \right\rVert_{{2}}"
        if isinstance(expr.body, sp.Add):
            body = rf"\left({body}\right)"
        return f"{_OPERATORS[expr.op].format(self._print(expr.index))} {body}"

    def _print_logshare(self, expr: sp.Expr) -> str:
        return rf"\left({self._print(expr.args[0])} - {self._print(expr.args[1])}\right)"

    def _print_Function(self, expr: sp.Function, exp: str | None = None) -> str:
        if isinstance(expr, StableFunction):
            printed = expr.row.latex.format(*map(self._print, expr.args))
            return printed if exp is None else rf"{{{printed}}}^{{{exp}}}"
        text: str = super()._print_Function(expr, exp)
        return text


def latex(expr: sp.Basic) -> str:
    """Return the LaTeX of an expression."""
    text: str = _Printer({"ln_notation": False}).doprint(expr)
    return text


def formula(program: Program) -> str:
    """Return the LaTeX of the loss of a sample, with the definitions it uses."""
    lines = []
    for stage in program.stages:
        if isinstance(stage, Sort):
            direction = "descending" if stage.descending else "ascending"
            lines.append(
                rf"\mathrm{{{stage.order.name}}} = "
                rf"\operatorname{{argsort}}^{{\text{{{direction}}}}}\, {latex(stage.key)}"
            )
        else:
            lines += [f"{latex(a.target)} = {latex(a.expr)}" for a in stage.body]
    terms = []
    for term in program.terms:
        text = latex(term.value)
        if term.coefficient != 1:
            mean = r"\operatorname*{mean}" if len(program.terms) > 1 else ""
            text = rf"{latex(term.coefficient)}\, {mean}\left[{text}\right]"
        terms.append(text)
    left = r"\ell" + "".join(f"_{{{latex(index)}}}" for index in program.terms[0].items)
    lines.append(f"{left} = " + " + ".join(terms))
    return r" \\ ".join(lines)


def gradient_formulas(program: Program, steps: tuple[Any, ...]) -> dict[str, str]:
    """Return the LaTeX of each closed-form gradient assignment, by name of the argument."""
    found = {}
    for step in steps:
        if isinstance(step, Sweep):
            for assign in step.body:
                tensor = assign.target.tensor
                if tensor.role == "output" and not assign.add:
                    unit = {
                        element: sp.S.One
                        for element in assign.expr.atoms(Element)
                        if element.tensor.role in ("weight", "scale")
                    }
                    found[tensor.name.removeprefix("grad_")] = latex(assign.expr.xreplace(unit))
    return found
