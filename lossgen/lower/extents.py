"""Full extents of axes, from the shapes of a kernel's arguments, and axes that may be empty."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra.axes import Axis
from lossgen.algebra.nodes import Reduction
from lossgen.algebra.tensors import Element, Tensor
from lossgen.errors import LossError
from lossgen.lower import ir
from lossgen.lower.constants import integer, ordered

_NAMES = {sp.Add: "add", sp.Mul: "mul", sp.Max: "max", sp.Min: "min"}


def full_extent(extent: sp.Expr, inputs: tuple[Tensor, ...]) -> ir.Expr:
    """Return the value of an axis, or of an integer expression of axes, in terms of array shapes."""
    if isinstance(extent, Axis):
        for tensor in inputs:
            if extent in tensor.axes:
                return ir.Size(tensor.name, tensor.axes.index(extent))
        if extent.extent is None:
            raise LossError(f"no tensor has axis {extent.name}, so its extent is unknown: give it one")
        return full_extent(extent.extent, inputs)
    if isinstance(extent, sp.Integer):
        return integer(int(extent))
    if extent.func not in _NAMES:
        raise LossError(f"the extent {extent} is not made of axes, integers, sums and products")
    folded, *others = (full_extent(arg, inputs) for arg in ordered(extent))
    for other in others:
        folded = ir.Op(_NAMES[extent.func], (folded, other), "int")
    return folded


def perhaps_empty(element: Element, loops: set[Axis]) -> list[Axis]:
    """Return the axes along which an element is read at a place that was found before, that of an extremum,
    where no loop runs over them.
    """
    found = (
        isinstance(p, Reduction) or (isinstance(p, Element) and p.tensor.role == "local")
        for p in element.positions
    )
    axes = dict.fromkeys(axis for axis, extreme in zip(element.tensor.axes, found, strict=True) if extreme)
    around = {*loops, *(axis.extent for axis in loops if axis.extent is not None)}
    return [axis for axis in axes if not around & {axis, axis.extent}]
