"""What the body of a declaration may say: axes, reductions over an index, choice, stages, and the sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from lossgen.algebra.axes import Axis, Index, fresh
from lossgen.algebra.nodes import Detach, Reduction, Where, condition
from lossgen.algebra.tensors import Element, Tensor
from lossgen.spec.model import Assign, Sort, Stage, Sweep

# Dimensions of an array: "1", "-1", "2:", "0,2:", ":".
_DIMS = re.compile(r"(-?\d+|\d*:)(,(-?\d+|\d*:))*")


@dataclass
class Body:
    """What the running body has declared so far."""

    stages: list[Stage] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


running: ContextVar[Body] = ContextVar("running")


@dataclass(frozen=True)
class Sample:
    """What a body returns: the loss of one sample and how samples make a mean (see
    `lossgen.spec.model.Term`).
    """

    value: sp.Expr
    items: tuple[Index, ...] = ()
    keep: Any = sp.true
    mean_by: Any = sp.S.One
    mean_weighted: bool = False
    mean_scale: Any = sp.S.One


def axis(name: str, dims: str = "-1", when: Mapping[str, str] | None = None, extent: Any = None) -> Axis:
    """Declare an axis; see `lossgen.algebra.axes.Axis`."""
    if not isinstance(name, str) or not name.isidentifier():
        raise TypeError(f"{name!r} is no name; use letters, digits and _")
    if wrong := [text for text in (dims, *(when or {}).values()) if not _DIMS.fullmatch(text)]:
        raise ValueError(
            f"dims={wrong[0]!r} of axis {name}: write one or more of k, -k, k: and : with commas"
        )
    return Axis(name, dims, when, None if extent is None else sp.sympify(extent))


def index(of: Axis) -> Index:
    """Return a new index over an axis."""
    if not isinstance(of, Axis):
        raise TypeError(f"index() takes an axis made by axis('NAME'), got {of!r}")
    return fresh(of)


def size(of: Axis) -> Axis:
    """Return the extent of an axis (of this sample, where lengths are given)."""
    return of


def where(test: Any, a: Any, b: Any) -> sp.Expr:
    """`a` where `test` holds, else `b`; the other branch is neither read nor differentiated."""
    return Where(condition(test), a, b)


def detach(expr: Any) -> sp.Expr:
    """The value of `expr`, a constant to every derivative."""
    return Detach(expr)


def at(expr: sp.Expr, old: Index, new: Any) -> sp.Expr:
    """Return `expr` with index `old` at position `new`."""
    return expr.xreplace({old: sp.sympify(new)})


def Sum(body: Any, *over: Index) -> sp.Expr:
    """Sum of `body` over one or more indices."""
    return _reduce("sum", body, over)


def Max(a: Any, *rest: Any) -> sp.Expr:
    """Maximum over an index, ``Max(x[c], c)``, or of several expressions, ``Max(a, 0)`` (a tie gives gradient
    0).
    """
    return _reduce("max", a, rest) if rest and _indices(rest) else sp.Max(a, *rest)


def Min(a: Any, *rest: Any) -> sp.Expr:
    """Minimum over an index or of several expressions."""
    return _reduce("min", a, rest) if rest and _indices(rest) else sp.Min(a, *rest)


def argmax(body: Any, over: Index) -> sp.Expr:
    """First position of the maximum of `body` over an index."""
    return _reduce("argmax", body, (over,))


def define(name: str, indices: Index | tuple[Index, ...], expr: Any) -> Tensor:
    """Name a tensor of intermediate values, computed once: ``s = define("s", (i, j), ...)``, then ``s[i,
    j]``.
    """
    order = _tuple(indices)
    tensor = Tensor(name, tuple(i.axis for i in order), domain="real")
    _add(name, Sweep(order, (Assign(Element(tensor, *order), sp.sympify(expr)),)))
    return tensor


class Recurrent:
    """The tensor of a recurrence inside its own step: reads outside the axes give `outside`."""

    __iter__ = None
    __contains__ = None

    def __init__(self, tensor: Tensor, indices: tuple[Index, ...], outside: sp.Expr) -> None:
        self.tensor, self._indices, self._outside = tensor, indices, outside

    def __getitem__(self, position: Any) -> sp.Expr:
        positions = tuple(map(sp.sympify, _tuple(position)))
        inside: list[Any] = []
        for place, at_ in zip(self._indices, positions, strict=True):
            shift = at_ - place
            if shift.is_negative:
                inside.append(sp.Ge(place, -shift))
            elif shift.is_positive:
                inside.append(sp.Lt(place, place.axis - shift))
        return Where(sp.And(*inside), Element(self.tensor, *positions), self._outside)


def recurrence(
    name: str,
    indices: Index | tuple[Index, ...],
    step: Callable[[Recurrent], sp.Expr],
    outside: Any = 0,
    positive: bool = False,
) -> Tensor:
    """A tensor whose entries follow from earlier ones, in the order of the loops over `indices` (first
    outermost).

    Parameters
    ----------
    step : callable
        Takes the tensor itself and returns the entry at `indices`; it may read positions that come earlier in
        loop order.
    outside : Expr
        What a read beyond the axes gives.
    positive : bool
        The entries are never negative (probabilities), so that the generator may keep their logarithms.
    """
    order = _tuple(indices)
    tensor = Tensor(name, tuple(i.axis for i in order), domain="nonnegative" if positive else "real")
    expr = sp.sympify(step(Recurrent(tensor, order, sp.sympify(outside))))
    _add(name, Sweep(order, (Assign(Element(tensor, *order), expr),), positive=positive))
    return tensor


def cumsum(name: str, over: Index, body: Any) -> Tensor:
    """Running sum of `body` along an index, the entry itself included."""
    return recurrence(name, over, lambda c: c[over - 1] + body)


def sort(name: str, key: Any, over: Index, descending: bool = False) -> Tensor:
    """The positions of `key` in sorted order (stable): ``o = sort("o", e[i], i)``, then ``e[o[i]]`` is
    sorted.
    """
    order = Tensor(name, (over.axis,), dtype="int")
    _add(name, Sort(order, over, sp.sympify(key), descending))
    return order


def sample(
    value: Any,
    per: Index | tuple[Index, ...] = (),
    keep: Any = sp.true,
    mean_by: Any = 1,
    mean_weighted: bool = False,
    mean_scale: Any = 1,
) -> Sample:
    """Say how samples make a mean: ``sum(weight * mean_scale * value) / sum(mean_by)`` over the samples with
    `keep`.

    Parameters
    ----------
    per : Index or tuple of Index
        The loss has one value for each position of these indices.
    mean_weighted : bool
        The mean divides by ``sum(weight * mean_by)``.
    """
    return Sample(
        sp.sympify(value),
        _tuple(per),
        condition(keep),
        sp.sympify(mean_by),
        mean_weighted,
        sp.sympify(mean_scale),
    )


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _indices(values: tuple[Any, ...]) -> bool:
    return all(isinstance(value, Index) for value in values)


def _reduce(op: str, body: Any, over: tuple[Any, ...]) -> sp.Expr:
    if not over or not _indices(over):
        raise TypeError(f"a {op} needs an index made by index(AXIS), got {over!r}")
    expr = sp.sympify(body)
    for one in over:
        expr = Reduction(op, expr, one)
    return expr


def _add(name: str, stage: Stage) -> None:
    body = running.get()
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name; use letters, digits and _")
    if name in body.names:
        raise ValueError(f"`{name}` is defined twice; choose another name")
    body.names.add(name)
    body.stages.append(stage)
