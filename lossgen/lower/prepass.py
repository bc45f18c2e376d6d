"""The prepass as a routine: validity of indices, share of the divisor and factor of the mean, of one
sample.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element, Tensor
from lossgen.derive.model import Prepass, Routine
from lossgen.lower.parts import full_size

CHECKED = ("class", "labels", "length")


def prepass_routine(prepass: Prepass, over: Mapping[str, Axis], inputs: tuple[Tensor, ...]) -> Routine:
    """Return a routine with three results: is an index out of range, weight times divisor, factor in the
    mean.

    Parameters
    ----------
    prepass : Prepass
        The mathematics.
    over : mapping
        Axis that bounds each index tensor, by the tensor's name.
    inputs : tuple of Tensor
        Inputs of the program: one of those that have a bounding axis is passed along for its shape.
    """
    # An index that has not been checked yet is no class: nothing may be read at it unconditionally.
    plain = {
        t: Tensor(t.name, t.axes, t.dtype, "target", t.domain) for t in prepass.inputs if t.role == "class"
    }
    checked = [t for t in prepass.inputs if t.role in CHECKED]
    lengths = [t for t in checked if t.role == "length"]
    others = [t for t in checked if t.role != "length"]
    weight = Tensor("weight", tuple(item.axis for item in prepass.items), role="weight")
    good = sp.And(*(_inside(t[()], over[t.name], closed=True) for t in lengths if not t.axes))
    bad = Where(good, _count(others, over), 1)
    valid = sp.And(good, sp.Eq(_count(others, over), 0))
    share = Element(weight, *prepass.items) * prepass.divisor
    for item in reversed(prepass.items):
        share = Reduction("sum", share, item)
    divisor = Where(valid, share, 0)
    factor = Where(valid, prepass.mean_scale, 0)
    needed = {over[t.name] for t in checked}
    present = {axis for t in prepass.inputs for axis in t.axes}
    shapes: list[Tensor] = []
    for tensor in inputs:
        if tensor not in prepass.inputs and set(tensor.axes) & (needed - present):
            shapes.append(tensor)
            present |= set(tensor.axes)
    if not any(t.role == "pred" for t in shapes) and not any(
        t.role in ("pred", "target", *CHECKED) for t in prepass.inputs
    ):
        shapes.append(next(t for t in inputs if t.role == "pred"))
    read = tuple(t for t in inputs if t in prepass.inputs or t in shapes)
    return Routine(
        "prepass",
        (*(plain.get(t, t) for t in read), weight),
        (),
        (),
        tuple(result.xreplace(plain) for result in (bad, divisor, factor)),
        prepass.keep.xreplace(plain),
        tuple((axis, length.xreplace(plain)) for axis, length in prepass.extents),
    )


def _inside(value: sp.Expr, axis: Axis, closed: bool = False) -> Boolean:
    size = full_size(axis)
    return sp.And(value >= 0, value <= size if closed else value < size)


def _count(tensors: list[Tensor], over: Mapping[str, Axis]) -> sp.Expr:
    """Number of entries that are out of range."""
    total: sp.Expr = sp.S.Zero
    for tensor in tensors:
        indices = [Index(f"{axis.name.lower()}#{k}", axis) for k, axis in enumerate(tensor.axes)]
        entry: sp.Expr = Where(_inside(Element(tensor, *indices), over[tensor.name]), 0, 1)
        for index in reversed(indices):
            entry = Reduction("sum", entry, index)
        total += entry
    return total
