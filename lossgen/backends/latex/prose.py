"""Words as LaTeX: what a docstring says, with its code in typewriter letters."""

from __future__ import annotations

import re

__all__ = ["code", "prose"]

_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#",
    "$": r"\$", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": "$<$", ">": "$>$", "|": "$|$",
    '"': "''", "≤": r"$\le$", "≥": r"$\ge$", "≠": r"$\ne$", "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$",
    "∞": r"$\infty$", "−": "$-$", "→": r"$\to$", "∈": r"$\in$", "∂": r"$\partial$", "√": r"$\surd$",
    "–": "--", "—": "---", "…": r"\dots{}", "’": "'", "‘": "`", "“": "``", "”": "''", "²": "$^2$",
    "³": "$^3$",
    **{chr(0x3B1 + k): f"${name}$" for k, name in enumerate((
        r"\alpha", r"\beta", r"\gamma", r"\delta", r"\varepsilon", r"\zeta", r"\eta", r"\theta", r"\iota",
        r"\kappa", r"\lambda", r"\mu", r"\nu", r"\xi", "o", r"\pi", r"\rho", r"\varsigma", r"\sigma",
        r"\tau", r"\upsilon", r"\varphi", r"\chi", r"\psi", r"\omega",
    ))},
}  # fmt: skip
# What the standard fonts have beside ASCII: letters of western languages.
_LETTERS = re.compile("[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff]")


def _escaped(text: str) -> str:
    return "".join(
        _ESCAPES.get(letter, letter if _known(letter) else f"[U+{ord(letter):04X}]") for letter in text
    )


def _known(letter: str) -> bool:
    return letter.isascii() or _LETTERS.match(letter) is not None


def code(text: str) -> str:
    """Return text in typewriter letters; a line may break behind underscores."""
    return rf"\texttt{{{_escaped(text)}}}"


def prose(text: str) -> str:
    """Return words on one line, what stands between backticks as code."""
    parts = re.split("`+([^`]+)`+", " ".join(text.split()))
    return "".join(code(part) if place % 2 else _escaped(part) for place, part in enumerate(parts))
