"""Blocks of Python statements with shared subexpressions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lossgen.algebra.axes import Index
from lossgen.algebra.tensors import Element


class Blocks:
    """Writes statements; every subexpression becomes one local name, shared where its block is open."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 1
        self._count = 0
        self.known: list[dict[Any, str]] = [{}]

    def put(self, line: str) -> None:
        """Add a line to the open block."""
        self.lines.append("    " * self._depth + line)

    def name(self, stem: str = "t") -> str:
        """Return a local name that is not in use."""
        self._count += 1
        return f"{stem}{self._count}"

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Open an indented block, whose names are forgotten at its end."""
        self.put(header)
        self._depth += 1
        self.known.append({})
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.put("pass")
        self.known.pop()
        self._depth -= 1

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Keep names of this part to this part: what it reads may be assigned after it."""
        self.known.append({})
        yield
        self.known.pop()

    def lookup(self, expr: Any) -> str | None:
        """Return the name of an expression that an open block has computed."""
        return next((known[expr] for known in reversed(self.known) if expr in known), None)

    def remember(self, expr: Any, code: str, stem: str = "t") -> str:
        """Compute an expression in the open block and return its name."""
        name = self.name(stem)
        self.put(f"{name} = {code}")
        self.known[-1][expr] = name
        return name


def index_name(index: Index) -> str:
    """Return the Python name of an index."""
    return "j_" + index.name.replace("#", "_")


def tensor_name(element: Element) -> str:
    """Return the Python name of a tensor."""
    return f"T_{element.tensor.name}"
