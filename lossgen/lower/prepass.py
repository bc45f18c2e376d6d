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
from lossgen.spec.roles import INDEX_ROLES, TENSOR_ROLES


def prepass_routine(prepass: Prepass, over: Mapping[str, Axis], inputs: tuple[Tensor, ...]) -> Routine:
    """Return a routine with these results: is an index out of range, weight times divisor of each term,
    factor in the mean.

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
    checked = [t for t in prepass.inputs if t.role in INDEX_ROLES]
    lengths = [t for t in checked if t.role == "length"]
    others = [t for t in checked if t.role != "length"]
    needed = {entry.tensor: (entry, where) for entry, where in prepass.needed}
    count = _count(others, over, needed)
    good = sp.And(*(_inside(t[()], over[t.name], closed=True) for t in lengths if not t.axes))
    bad = Where(good, count, 1)
    valid = sp.And(good, sp.Eq(count, 0))
    shares = zip(prepass.divisors, prepass.items, strict=True)
    divisors = [Where(valid, _summed(prepass.weight, share, items), 0) for share, items in shares]
    factor = Where(valid, prepass.mean_scale, 0)
    sizes = {over[t.name] for t in checked} | {index.axis for items in prepass.items for index in items}
    present = {axis for t in prepass.inputs for axis in t.axes}
    shapes: list[Tensor] = []
    for tensor in inputs:
        if tensor not in prepass.inputs and set(tensor.axes) & (sizes - present):
            shapes.append(tensor)
            present |= set(tensor.axes)
    if not any(t.role == "pred" for t in shapes) and not any(t.role in TENSOR_ROLES for t in prepass.inputs):
        shapes.append(next(t for t in inputs if t.role == "pred"))
    read = tuple(t for t in inputs if t in prepass.inputs or t in shapes)
    return Routine(
        "prepass",
        (*(plain.get(t, t) for t in read), prepass.weight),
        (),
        (),
        tuple(result.xreplace(plain) for result in (bad, *divisors, factor)),
        prepass.keep.xreplace(plain),
        tuple((axis, length.xreplace(plain)) for axis, length in prepass.extents),
    )


def _summed(weight: Tensor, share: sp.Expr, items: tuple[Index, ...]) -> sp.Expr:
    """Return what a sample adds to a divisor: weight times share, over its items."""
    total = Element(weight, *(items if weight.axes else ())) * share
    for index in reversed(items):
        total = Reduction("sum", total, index)
    return total


def _inside(value: sp.Expr, axis: Axis, closed: bool = False) -> Boolean:
    size = full_size(axis)
    return sp.And(value >= 0, value <= size if closed else value < size)


def _count(
    tensors: list[Tensor], over: Mapping[str, Axis], needed: Mapping[Tensor, tuple[Element, Boolean]]
) -> sp.Expr:
    """Number of entries that must be valid and are out of range."""
    total: sp.Expr = sp.S.Zero
    for tensor in tensors:
        free = tuple(Index(f"{axis.name.lower()}#{k}", axis) for k, axis in enumerate(tensor.axes))
        entry, where = needed.get(tensor, (Element(tensor, *free), sp.true))
        wrong: sp.Expr = Where(sp.Or(sp.Not(where), _inside(entry, over[tensor.name])), 0, 1)
        for index in reversed(entry.positions):
            wrong = Reduction("sum", wrong, index)
        total += wrong
    return total
