"""Formulas for readers: loop variables with short stable names, plain text for docstrings, LaTeX for the manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Reduction, replace_index
from lossgen.algebra.tensors import Tensor
from lossgen.lower.indices import Indices

_LATEX_OPS = {
    "sum": r"\sum_{{{0}}}",
    "max": r"\max_{{{0}}}",
    "min": r"\min_{{{0}}}",
    "argmax": r"\arg\max_{{{0}}}",
    "argmin": r"\arg\min_{{{0}}}",
    "lse": r"\operatorname{{logsumexp}}_{{{0}}}",
}


class Notation:
    """Prints the expressions of one loss."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self.indices = Indices(tensor.name for tensor in tensors)

    def plain(self, expr: sp.Basic) -> str:
        """Return `expr` on one line of text."""
        text: str = _Plain(self.indices).doprint(self._settled(expr))
        return text

    def latex(self, expr: sp.Basic) -> str:
        """Return `expr` as LaTeX."""
        text: str = _Latex(self.indices).doprint(self._settled(expr))
        return text

    def _settled(self, expr: sp.Basic) -> sp.Basic:
        """Give free indices their short names, in the order in which they were made."""
        free = sorted((s for s in expr.free_symbols if isinstance(s, Index) and "#" in s.name), key=_age)
        taken: list[Index] = [s for s in expr.free_symbols if isinstance(s, Index) and "#" not in s.name]
        for index in free:
            name = self.indices.choose(index.axis, taken)
            taken.append(name)
            expr = replace_index(expr, index, name)
        return expr


def _age(index: Index) -> tuple[str, int]:
    stem, _, number = index.name.partition("#")
    return stem, int(number or 0)


class _Plain(StrPrinter):  # type: ignore[misc]
    def __init__(self, indices: Indices) -> None:
        super().__init__()
        self.indices = indices

    def _print_Reduction(self, expr: Reduction) -> str:
        index, body = self.indices.open(expr)
        return f"{expr.op}({self._print(body)}, {index.name})"

    def _print_Where(self, expr: sp.Expr) -> str:
        return f"where({', '.join(map(self._print, expr.args))})"

    def _print_Detach(self, expr: sp.Expr) -> str:
        return f"detach({self._print(expr.args[0])})"


class _Latex(LatexPrinter):  # type: ignore[misc]
    def __init__(self, indices: Indices) -> None:
        super().__init__()
        self.indices = indices

    def _print_Element(self, expr: Any, exp: str | None = None) -> str:
        name = _latex_name(expr.tensor.name)
        inside = ", ".join(self._print(position) for position in expr.positions)
        text = f"{name}_{{{inside}}}" if inside else name
        return text if exp is None else f"{text}^{{{exp}}}"

    def _print_Index(self, expr: Index) -> str:
        return _latex_name(expr.name)

    def _print_Axis(self, expr: sp.Symbol) -> str:
        return f"|{expr.name}|"

    def _print_Reduction(self, expr: Reduction) -> str:
        index, body = self.indices.open(expr)
        inside = self._print(body)
        if expr.op == "norm":
            return rf"\left\Vert {inside} \right\Vert_{{{index.name}}}"
        return rf"{_LATEX_OPS[expr.op].format(index.name)}\left({inside}\right)"

    def _print_Where(self, expr: sp.Expr) -> str:
        condition, a, b = (self._print(arg) for arg in expr.args)
        return rf"\begin{{cases}} {a} & \text{{if }} {condition} \\ {b} & \text{{otherwise}} \end{{cases}}"

    def _print_Delta(self, expr: sp.Expr) -> str:
        return rf"\delta_{{{', '.join(map(self._print, expr.args))}}}"

    def _print_Detach(self, expr: sp.Expr) -> str:
        return rf"\operatorname{{detach}}\left({self._print(expr.args[0])}\right)"

    def _print_logshare(self, expr: sp.Expr) -> str:
        return rf"\left({self._print(expr.args[0])} - {self._print(expr.args[1])}\right)"

    def _print_Function(self, expr: Any, exp: str | None = None) -> str:
        row = getattr(type(expr), "row", None)
        if row is None:
            text: str = super()._print_Function(expr, exp)
            return text
        text = row.latex.format(*map(self._print, expr.args))
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


def _latex_name(name: str) -> str:
    """Return a name as LaTeX: one letter as it is, Greek as such, longer ones upright."""
    stem, number = re.fullmatch(r"(.*?)(\d*)", name).groups()  # type: ignore[union-attr]
    if len(stem) == 1:
        text = stem
    elif stem in _GREEK:
        text = f"\\{stem}"
    else:
        text = r"\mathrm{" + stem.replace("_", r"\_") + "}"
    return f"{text}_{{{number}}}" if number else text


_GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "phi",
        "chi",
        "psi",
        "omega",
    ]
)
