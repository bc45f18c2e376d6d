"""Where a formula breaks: at its sums and cases, when it is too long for a line."""

from __future__ import annotations

import re

import sympy as sp

from lossgen.algebra.nodes import Where
from lossgen.backends.latex.printer import cases, latex, ordered_terms

__all__ = ["broken"]

# Letters of a line of mathematics, about.
_LINE = 92
_COMMANDS = (
    (r"\\(left|right|displaystyle|,|limits|begin\{aligned\}|end\{aligned\})", ""),
    (r"\\(operatorname\*?|mathrm|text)\{([^{}]*)\}", r"\2"),
    (r"\\[a-zA-Z]+ ?", "m"),
    (r"\\.", "m"),
)


def broken(expr: sp.Basic, room: int = _LINE) -> str:
    """Return the LaTeX of an expression, in several lines if it is longer than the room there is."""
    if _width(latex(expr)) <= room:
        return latex(expr)
    if isinstance(expr, Where):
        return cases(expr, lambda value: broken(value, room - 16))
    if isinstance(expr, sp.Add):
        return _sum(expr, room)
    if isinstance(expr, sp.Mul):
        return _product(expr, room)
    return latex(expr)


def _sum(expr: sp.Add, room: int) -> str:
    lines: list[str] = []
    used = 0
    for term in ordered_terms(expr):
        minus = term.could_extract_minus_sign()
        body = -term if minus else term
        text = broken(body, room - 4)
        text = rf"\left({text}\right)" if isinstance(body, Where | sp.Add) else text
        width = min(_width(text), room)
        sign = "- " if minus else "+ " if lines else ""
        if lines and used + width <= room:
            lines[-1] += f" {sign}{text}"
            used += width
        else:
            lines.append(f"{'{}' if lines else ''}{sign}{text}")
            used = width
    return (
        lines[0] if len(lines) == 1 else r"\begin{aligned}[t] & " + r" \\ & ".join(lines) + r" \end{aligned}"
    )


def _product(expr: sp.Mul, room: int) -> str:
    """Break the longest factor that is a sum or a choice; the others stand before it."""
    inner = [factor for factor in expr.args if isinstance(factor, sp.Add | Where)]
    if not inner:
        return latex(expr)
    longest = max(inner, key=lambda factor: _width(latex(factor)))
    rest = sp.Mul(*(factor for factor in expr.args if factor is not longest))
    before = "" if rest == 1 else "-" if rest == -1 else latex(rest)
    if _width(before) > room // 2:
        return latex(expr)
    inside = broken(longest, room - _width(before) - 2)
    inside = inside.replace(r"\begin{aligned}[t]", r"\begin{aligned}", 1)
    return rf"{before} \left[ {inside} \right]" if before else inside


def _width(text: str) -> int:
    """Estimate the letters that a formula is wide: of a fraction the longer half, small letters less."""
    text = re.sub(r"\\begin\{cases\}.*?\\end\{cases\}", lambda match: _rows(match[0]), text)
    for pattern, by in _COMMANDS[:2]:
        text = re.sub(pattern, by, text)
    before = ""
    while before != text:
        before = text
        text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", lambda m: max(m[1], m[2], key=_letters), text)
        text = re.sub(r"[_^]\{([^{}]*)\}", lambda m: "m" * round(0.7 * _letters(m[1])), text)
        text = re.sub(r"(?<!frac)(?<!\})\{([^{}]*)\}(?!\{)", r"\1", text)
    return _letters(text)


def _rows(text: str) -> str:
    rows = text.removeprefix(r"\begin{cases}").removesuffix(r"\end{cases}").split(r"\\")
    return max(rows, key=len).replace("&", "mm")


def _letters(text: str) -> int:
    for pattern, by in _COMMANDS[2:]:
        text = re.sub(pattern, by, text)
    return len(re.sub(r"[{}\s]", "", text))
