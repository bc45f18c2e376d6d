"""Formulas as LaTeX: SymPy's printer, taught our nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sympy as sp
from sympy.core.alphabets import greeks
from sympy.printing.latex import LatexPrinter

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element, unweighted
from lossgen.algebra.vocabulary import StableFunction, exact
from lossgen.spec.program import Assign, Program, Sort, Sweep

# An omicron has no command: it is spelled o.
_GREEK = {name: rf"\{name}" for name in greeks if name != "omicron"} | {"eps": r"\varepsilon"}
_OPERATORS = {
    "sum": r"\sum_{{{0}}}",
    "max": r"\max_{{{0}}}",
    "min": r"\min_{{{0}}}",
    "argmax": r"\operatorname*{{argmax}}_{{{0}}}",
    "argmin": r"\operatorname*{{argmin}}_{{{0}}}",
    "lse": r"\operatorname*{{logsumexp}}_{{{0}}}",
}


def _name(name: str) -> str:
    """Return one letter as it is, Greek letters by their commands, and words upright.

    An underscore at the end only keeps kernels from using a word of Python; what stands behind a # is a
    number below, and a cotangent bears a bar.
    """
    name = name.rstrip("_")
    if "#" in name:
        return "{}_{{{}}}".format(*name.split("#"))
    if name.startswith("bar_"):
        return rf"\bar{{{_name(name.removeprefix('bar_'))}}}"
    if len(name) == 1:
        return name
    if name in _GREEK:
        return _GREEK[name]
    return rf"\mathrm{{{name}}}".replace("_", r"\_")


def _flat(expr: Where) -> tuple[sp.Expr, sp.Basic]:
    """Return value and condition of choices that are 0 otherwise, the inner ones taken into the condition."""
    condition, value = expr.args[0], expr.args[1]
    if isinstance(value, Where) and value.args[2] == 0:
        value, inner = _flat(value)
        condition = sp.And(condition, inner)
    return value, condition


def cases(expr: Where, printed: Callable[[sp.Expr], str]) -> str:
    """Return the LaTeX of a choice, its values as `printed` has them."""
    rows: list[str] = []
    rest: sp.Expr = expr
    while isinstance(rest, Where):
        value, condition = _flat(rest) if rest.args[2] == 0 else (rest.args[1], rest.args[0])
        rows.append(rf"{printed(value)} & \text{{if}}\ {latex(condition)}")
        rest = rest.args[2]
    rows.append(rf"{printed(rest)} & \text{{otherwise}}")
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


class _Printer(LatexPrinter):
    def _print_Mul(self, expr: sp.Mul) -> str:
        if not expr.is_Mul:  # SymPy prints reciprocals by its rule for products
            return str(super()._print_Mul(expr))
        # SymPy sorts factors by class: under names of symbols, parameters come first, then the tensors.
        names = self._settings["symbol_names"]
        factors = []
        for factor in expr.args:
            base, exponent = factor.as_base_exp()
            if isinstance(base, Element):
                rank = 1 if base.tensor.role == "param" else 2
                stand_in = sp.Symbol(f"{rank}{base}", positive=True)
                names[stand_in] = self._print(base)
                factor = stand_in**exponent
            factors.append(factor)
        text: str = super()._print_Mul(sp.Mul(*factors, evaluate=False))
        return text

    def _as_ordered_terms(self, expr: sp.Add, order: str | None = None) -> list[sp.Expr]:
        # No sum begins with a minus where some other term has none.
        terms: list[sp.Expr] = super()._as_ordered_terms(expr, order)
        first = next((i for i, term in enumerate(terms) if not term.could_extract_minus_sign()), 0)
        return [terms[first], *terms[:first], *terms[first + 1 :]]

    def _print_Element(self, expr: Element) -> str:
        name = _name(expr.tensor.name)
        inside = ", ".join(self._print(position) for position in expr.positions)
        return f"{name}_{{{inside}}}" if inside else name

    def _print_Axis(self, expr: Axis) -> str:
        return _name(expr.name)

    def _print_Index(self, expr: Index) -> str:
        stem, primes = expr.letters
        return _name(stem) + primes

    def _print_Where(self, expr: Where) -> str:
        return cases(expr, self._print)

    def _print_Delta(self, expr: sp.Expr) -> str:
        return rf"\delta_{{{self._print(expr.args[0])}, {self._print(expr.args[1])}}}"

    def _print_Detach(self, expr: sp.Expr) -> str:
        return rf"\operatorname{{detach}}\left({self._print(expr.args[0])}\right)"

    def _print_Reduction(self, expr: Reduction) -> str:
        if expr.op == "norm":
            power = "2" if expr.power is None else self._print(expr.power)
            return rf"\left\lVert {self._print(expr.body)} \right\rVert_{{{power}}}"
        body, under = expr.body, self._print(expr.index)
        if expr.op == "sum" and isinstance(body, Where) and body.args[2] == 0:
            body, condition = _flat(body)
            under = rf"{under}:\ {self._print(condition)}"
        text = self._print(body)
        if isinstance(body, sp.Add) or body.could_extract_minus_sign():
            text = rf"\left({text}\right)"
        return f"{_OPERATORS[expr.op].format(under)} {text}"

    def parenthesize(self, item: sp.Basic, *level: Any, **options: Any) -> str:
        text: str = super().parenthesize(item, *level, **options)
        open_ended = isinstance(item, Where) or (isinstance(item, Reduction) and item.op != "norm")
        return rf"\left({text}\right)" if open_ended else text

    def _needs_mul_brackets(self, expr: sp.Expr, first: bool = False, last: bool = False) -> bool:
        if isinstance(expr, Reduction) and expr.op != "norm":
            return not last  # the sum would swallow what follows
        return isinstance(expr, Where) or bool(super()._needs_mul_brackets(expr, first, last))

    def _needs_add_brackets(self, expr: sp.Expr) -> bool:
        return isinstance(expr, Where) or bool(super()._needs_add_brackets(expr))

    def _print_Function(self, expr: sp.Function, exp: str | None = None) -> str:
        if isinstance(expr, StableFunction) and expr.row.latex is not None:
            printed = expr.row.latex.format(*map(self._print, expr.args))
            if exp is None:
                return printed
            # A power of a power needs brackets.
            return rf"\left({printed}\right)^{{{exp}}}" if "^" in printed else rf"{{{printed}}}^{{{exp}}}"
        text: str = super()._print_Function(expr, exp)
        return text


def spoken(expr: sp.Expr) -> sp.Expr:
    """Return an expression in which functions that have no notation are what they mean."""
    return exact(expr, lambda node: isinstance(node, StableFunction) and node.row.latex is not None)


def latex(expr: sp.Expr) -> str:
    """Return the LaTeX of an expression."""
    text: str = _Printer({"mul_symbol": r"\,"}).doprint(spoken(expr))
    return text


def ordered_terms(expr: sp.Add) -> list[sp.Expr]:
    """Return the terms of a sum in the order in which they are written."""
    return _Printer()._as_ordered_terms(expr)


def definitions(program: Program) -> list[tuple[str, sp.Expr, str]]:
    """Return what the loss of a sample is made of, as lines: left side, expression, what stands after."""
    lines: list[tuple[str, sp.Expr, str]] = []
    for stage in program.stages:
        if isinstance(stage, Sort):
            direction = "descending" if stage.descending else "ascending"
            left = rf"\mathrm{{{stage.order.name}}} = \operatorname{{argsort}}^{{\text{{{direction}}}}}\,"
            lines.append((left, stage.key, ""))
        else:
            lines += [(f"{latex(assign.target)} =", assign.expr, "") for assign in stage.body]
    left = r"\ell" + "".join(f"_{{{latex(index)}}}" for index in program.terms[0].items) + " ="
    for place, term in enumerate(program.terms):
        mean = r"\operatorname*{mean}" if len(program.terms) > 1 else ""
        factor = rf"{latex(term.coefficient)}\, {mean}\left[" if term.coefficient != 1 else ""
        lines.append(
            (f"{left if place == 0 else '+'} {factor}".strip(), term.value, r"\right]" if factor else "")
        )
    return lines


def formula(program: Program) -> str:
    """Return the LaTeX of the loss of a sample, with the definitions it uses."""
    lines: list[str] = []
    for left, expr, after in definitions(program):
        if left.startswith("+"):  # one more term of the same sum
            lines[-1] += f" {left} {latex(expr)}{after}"
        else:
            lines.append(f"{left} {latex(expr)}{after}")
    return r" \\ ".join(lines)


def gradient_formulas(program: Program, steps: tuple[Any, ...]) -> dict[str, str]:
    """Return the LaTeX of each closed-form gradient assignment, by name of the argument."""
    found = {}
    for step in steps:
        if isinstance(step, Sweep):
            for assign in step.body:
                tensor = assign.target.tensor
                if tensor.role == "output" and not assign.add:
                    found[tensor.name.removeprefix("grad_")] = latex(unweighted(assign.expr))
    return found


def curvature_formulas(assigns: Iterable[Assign]) -> dict[str, str]:
    """Return the LaTeX of each curvature, by name of the argument."""
    return {a.target.tensor.name.removeprefix("hess_"): latex(unweighted(a.expr)) for a in assigns}
