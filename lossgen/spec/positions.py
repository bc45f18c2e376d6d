"""Positions at which a formula reads arrays: inside them, or guarded by a choice, or needing so many entries.

An index, a class or a label lies on its axis by contract; what is computed from one need not. No kernel may
read outside an array, so a shifted position must stand in a choice that asks where it lies, and a fixed one
says how long the axis must be at least.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element
from lossgen.errors import SpecError
from lossgen.spec.program import Place, Program, Sort

__all__ = ["check_positions", "least_extents"]

# Positions that are not computed, or in a way that is the author's own.
_TRUSTED = (Index, Element, Reduction, Where, sp.floor, sp.Mod)
_Seen = Callable[[Element, sp.Expr, Axis, frozenset[sp.Basic]], None]


def check_positions(expr: sp.Basic, context: Place) -> None:
    """Raise SpecError where a formula may read outside an array."""

    def seen(element: Element, position: sp.Expr, axis: Axis, asked: frozenset[sp.Basic]) -> None:
        shift, rest = position.as_coeff_Add()
        if (rest == 0 and shift < 0) or (rest == axis and shift >= 0):
            raise SpecError(
                f"`{element}` lies outside axis {axis.name}",
                argument=element.tensor.name,
                fix=f"positions count from 0; the last one is size({axis.name}) - 1",
                **context,
            )
        moving = position.atoms(Index, Element)
        if moving and not isinstance(position, _TRUSTED) and not moving & asked:
            raise SpecError(
                f"`{element}` may lie outside axis {axis.name}",
                argument=element.tensor.name,
                fix=f"read it where it lies inside: where({position} < size({axis.name}), ..., 0), or >= 0",
                **context,
            )

    _walk(expr, frozenset(), seen)


def least_extents(program: Program) -> dict[str, int]:
    """Return how long axes must be, where more than one entry is needed: ``x[2]`` needs three.

    What stands in a choice that asks for the extent of the axis does not count.
    """
    found: dict[str, int] = {}

    def seen(element: Element, position: sp.Expr, axis: Axis, asked: frozenset[sp.Basic]) -> None:
        shift, rest = position.as_coeff_Add()
        if axis.extent is not None or axis in asked or rest not in (0, axis):
            return
        least = int(shift) + 1 if rest == 0 else -int(shift)
        if least > 1:
            found[axis.name] = max(least, found.get(axis.name, 0))

    for expr in _parts(program):
        _walk(expr, frozenset(), seen)
    return dict(sorted(found.items()))


def _parts(program: Program) -> Iterator[sp.Basic]:
    for stage in program.stages:
        yield from [stage.key] if isinstance(stage, Sort) else [assign.expr for assign in stage.body]
    for term in program.terms:
        yield from (term.keep, term.value, term.mean_by, term.mean_scale)


def _walk(expr: sp.Basic, asked: frozenset[sp.Basic], seen: _Seen) -> None:
    if isinstance(expr, Element):
        for position, axis in zip(expr.positions, expr.tensor.axes, strict=True):
            seen(expr, position, axis, asked)
    if isinstance(expr, Where):
        _walk(expr.args[0], asked, seen)
        asked = asked.union(_compared(expr.args[0]))
    for arg in expr.args[isinstance(expr, Where) :]:
        _walk(arg, asked, seen)


def _compared(test: sp.Basic) -> Iterator[sp.Basic]:
    """Return what a condition asks about: not what it reads arrays at."""
    if isinstance(test, Axis | Index | Element):
        yield test
    else:
        for arg in test.args:
            yield from _compared(arg)
