"""Axes along which a formula needs at least one position: a maximum over nothing does not exist."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element
from lossgen.spec.program import Program, Sort

_EXTREMA = ("max", "min", "argmax", "argmin")


def nonempty_axes(program: Program) -> tuple[str, ...]:
    """Return the axes over which a program takes a maximum or minimum, or whose first or last entry it reads.

    What stands in a choice that asks for the extent of the axis does not count.
    """
    found: dict[str, None] = {}
    for stage in program.stages:
        for expr in [stage.key] if isinstance(stage, Sort) else [assign.expr for assign in stage.body]:
            _search(expr, frozenset(), found)
    for term in program.terms:
        for expr in (term.keep, term.value, term.mean_by, term.mean_scale):
            _search(expr, frozenset(), found)
    return tuple(found)


def _search(expr: sp.Basic, asked: frozenset[Axis], found: dict[str, None]) -> None:
    if isinstance(expr, Where):
        asked |= expr.args[0].atoms(Axis)
    if isinstance(expr, Reduction) and expr.op in _EXTREMA:
        _need(expr.index.axis, asked, found)
    if isinstance(expr, Element):
        for position, axis in zip(expr.positions, expr.tensor.axes, strict=True):
            if not position.atoms(Index, Element):
                _need(axis, asked, found)
    for arg in expr.args:
        _search(arg, asked, found)


def _need(axis: Axis, asked: frozenset[Axis], found: dict[str, None]) -> None:
    if axis.extent is None:
        if axis not in asked:
            found.setdefault(axis.name)
    elif not axis.extent.is_positive:
        for one in sorted(axis.extent.atoms(Axis), key=str):
            _need(one, asked, found)
