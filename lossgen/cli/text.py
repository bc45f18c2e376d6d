"""Breaking and indenting of text for a screen."""

from __future__ import annotations

import textwrap

from lossgen.console import Console

__all__ = ["counted", "indented", "paragraphs", "section"]

_BLANK = "\N{NO-BREAK SPACE}"


def section(console: Console, title: str, text: str) -> None:
    """Print a title and what stands under it; nothing if that is empty."""
    if text.strip():
        console.line()
        console.title(title)
        console.line(text)


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number of things; in words, the plural takes an s unless it is given."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def paragraphs(text: str, width: int) -> str:
    """Fill the paragraphs of a docstring to a width."""
    return "\n\n".join(textwrap.fill(" ".join(one.split()), width) for one in text.split("\n\n"))


def indented(text: str, width: int) -> str:
    """Indent lines of mathematics by two, and break those that are too long between operators."""
    found: list[str] = []
    for line in text.splitlines():
        inner = len(line) - len(line.lstrip()) + 2
        lines = textwrap.wrap(
            line.strip().replace(", ", f",{_BLANK}"),
            max(width, 40),
            initial_indent=" " * inner,
            subsequent_indent=" " * (inner + 4),
            break_long_words=False,
            break_on_hyphens=False,
        )
        found += (one.replace(_BLANK, " ") for one in lines)
    return "\n".join(found)
