"""Axes and the indices that run over them.

An axis is a SymPy symbol that stands for its own extent, so ``size(C)`` is the axis itself. Equality is by
name: inside one loss a name means one axis.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import sympy as sp

_fresh_numbers = itertools.count()
# Letters of bound indices by the height of their binder; free ones keep the letter of their axis.
_BOUND = ("j", "i", "k", "l", "m")

# SymPy decides signs of expressions with one free symbol by calculus (polynomials, roots, derivatives), which
# our nodes have no part in and which recurses without end on some of them. A second free symbol with every
# axis and index keeps it from trying.
COMPANION = sp.Symbol("#")


class Axis(sp.Symbol):
    """A named axis of a tensor; as an expression, its extent.

    Parameters
    ----------
    name : str
        Name of the axis, unique inside a loss.
    dims : str
        Array dimensions that the axis spans: a comma list of ``"k"``, ``"-k"``, ``"k:"`` and ``":"``; several
        are merged in C order.
    when : mapping of str to str, optional
        ``{flag: dims}``: other dimensions where that static flag is true.
    extent : Expr, optional
        Extent of a derived axis (one that no input has), in terms of other axes.
    """

    __slots__ = ("dims", "extent", "when")
    dims: str
    when: tuple[tuple[str, str], ...]
    extent: sp.Expr | None

    def __new__(
        cls, name: str, dims: str = "-1", when: Mapping[str, str] | None = None, extent: sp.Expr | None = None
    ) -> Axis:
        axis: Axis = sp.Symbol.__xnew__(cls, name, integer=True, nonnegative=True)
        axis.dims = dims
        axis.when = tuple(sorted((when or {}).items()))
        axis.extent = extent
        return axis

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        return {self, COMPANION}

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.dims, dict(self.when), self.extent), {}


class Index(sp.Symbol):
    """A position on an axis, by contract always inside it, so that no range condition is ever attached."""

    __slots__ = ("axis",)
    axis: Axis

    def __new__(cls, name: str, axis: Axis) -> Index:
        index: Index = sp.Symbol.__xnew__(cls, name, integer=True, nonnegative=True)
        index.axis = axis
        return index

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        return {self, COMPANION}

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.axis), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.name, self.axis.name)

    @property
    def height(self) -> int | None:
        """The height of the reduction that binds it, by which it is named; None for a free one."""
        stem, _, height = self.name.rpartition("_")
        return int(height) if stem and height.isdigit() else None

    @property
    def letters(self) -> tuple[str, str]:
        """What a reader calls it: a letter by the height of its binder, or that of its axis, and primes."""
        if self.height is not None:
            return _BOUND[(self.height - 1) % len(_BOUND)], ""
        stem = self.name.rstrip("0123456789")
        return stem, "'" * (len(self.name) - len(stem))


def fresh(axis: Axis) -> Index:
    """Return an index over `axis` that occurs nowhere else; reductions rename it when they bind it."""
    return Index(f"{axis.name.lower()}#{next(_fresh_numbers)}", axis)
