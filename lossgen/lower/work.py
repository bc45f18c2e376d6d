"""How much a kernel does for one sample: the loops of its deepest nest."""

from __future__ import annotations

from collections.abc import Mapping

from lossgen.algebra.axes import Axis
from lossgen.lower import ir


def deepest(body: tuple[ir.Stmt, ...]) -> tuple[ir.Expr, ...]:
    """Return the extents of the deepest nest of loops."""
    nests: list[tuple[ir.Expr, ...]] = [()]
    for statement in body:
        own = (statement.extent,) if isinstance(statement, ir.Loop) else ()
        nests += [(*own, *deepest(inner)) for inner in ir.bodies(statement)]
    return max(nests, key=len)


def work_axes(function: ir.Function, axes: Mapping[str, tuple[Axis, ...]]) -> tuple[str, ...]:
    """Return the names of the axes that the deepest nest goes over; a loop over anything else is left out.

    Parameters
    ----------
    function : Function
        The kernel.
    axes : mapping
        Axes of each of its array arguments.
    """
    known = {s.name: s.expr for s in ir.statements(function.body) if isinstance(s, ir.Let)}
    found: list[str] = []
    for extent in deepest(function.body):
        size: ir.Expr | None = extent
        while isinstance(size, ir.Var):
            size = known.get(size.name)
        if isinstance(size, ir.Size):
            found.append(axes[size.array][size.dim].name)
    return tuple(found)
