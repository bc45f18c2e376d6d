"""Where a value is computed: in the outermost open loop that binds all its indices, and no further out
than is safe.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lossgen.algebra.axes import Index
from lossgen.lower import ir


@dataclass
class Scope:
    """A statement list under construction.

    `barrier` marks a list that may never run: a branch, or a loop whose extent may be zero.
    """

    index: Index | None = None
    barrier: bool = False
    statements: list[ir.Stmt] = field(default_factory=list)
    values: dict[Hashable, ir.Expr] = field(default_factory=dict)

    def add(self, *statements: ir.Stmt) -> None:
        """Append statements."""
        self.statements.extend(statements)


class Scopes:
    """The stack of open scopes. A value placed outside comes before the loop that is still open inside."""

    def __init__(self) -> None:
        self.stack: list[Scope] = [Scope()]

    @property
    def top(self) -> Scope:
        """The innermost open scope."""
        return self.stack[-1]

    @contextmanager
    def open(self, index: Index | None = None, barrier: bool = False) -> Iterator[Scope]:
        """Open a loop (with an index) or a branch (without)."""
        scope = Scope(index, barrier)
        self.stack.append(scope)
        try:
            yield scope
        finally:
            self.stack.pop()

    @contextmanager
    def within(self, depth: int) -> Iterator[None]:
        """Work for a while in an outer scope."""
        inner = self.stack[depth + 1 :]
        del self.stack[depth + 1 :]
        try:
            yield
        finally:
            self.stack.extend(inner)

    def find(self, key: Hashable) -> ir.Expr | None:
        """Return a value that has been computed already and is visible here."""
        for scope in reversed(self.stack):
            if key in scope.values:
                return scope.values[key]
        return None

    def home(self, indices: set[Index], safe: bool) -> int:
        """Return the depth of the outermost scope that binds `indices` and, unless `safe`, runs only when
        asked for.
        """
        depth = 0
        for k, scope in enumerate(self.stack):
            if scope.index in indices or (scope.barrier and not safe):
                depth = k
        return depth

    def leaves_loop(self, depth: int) -> bool:
        """Tell whether placing a value at `depth` takes it out of a loop."""
        return any(scope.index is not None for scope in self.stack[depth + 1 :])

    def forget(self, stale: Hashable) -> None:
        """Drop one computed value everywhere."""
        for scope in self.stack:
            scope.values.pop(stale, None)

    def computed(self) -> list[Hashable]:
        """Return the keys of all values that are visible here."""
        return [key for scope in self.stack for key in scope.values]
