"""Small inputs that a loss accepts, and its value and gradient along a line: for examples and plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lossgen.errors import LossError
from lossgen.runtime.layout import make_layout
from lossgen.runtime.manifest import Entry, Tensor

__all__ = ["Curve", "curve", "example"]

# Least length of the axes in an example, and of its batch beside axes; without axes the batch is as long.
_LENGTH = 3
_BATCH = 2
_POINTS = 121
# What predictions and targets of a domain are in an example, and the range in which a plot moves one of them.
_PREDICTIONS = {
    "real": (0.5, -1.25, 2.0, -0.25, 1.5, 0.0, -2.0, 1.0, 0.75),
    "positive": (0.5, 1.25, 2.0, 0.25, 1.5, 1.0, 3.0, 0.75, 2.5),
    "unit": (0.75, 0.25, 0.5, 0.125, 0.875, 0.625, 0.375, 0.9375, 0.0625),
}
_TARGETS = _PREDICTIONS | {
    "real": (0.0, -1.0, 1.5, 0.5, 1.0, -0.5, -1.5, 2.0, 0.25),
    "nonnegative": (1.0, 0.0, 2.0, 3.0, 1.0, 0.0, 2.0, 1.0, 4.0),
    "unit": (1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0),
    "binary": (1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0),
    "sign": (1.0, -1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0),
}
_RANGES = {"positive": (0.02, 4.0), "nonnegative": (0.02, 4.0), "unit": (0.01, 0.99)}
# The target against which an elementwise loss is drawn.
_AGAINST = {"real": 0.0, "positive": 1.0, "nonnegative": 1.0, "unit": 1.0, "binary": 1.0, "sign": 1.0}


def example(entry: Entry) -> dict[str, Any]:
    """Return arguments of a call, by name: predictions, targets and labels that are not optional.

    Raises
    ------
    LossError
        If the axes of the loss fit no small example.
    """
    batch = _batch(entry.predictions[0], entry)
    length = max(_LENGTH, *entry.default_variant.least.values(), 0)
    return {
        tensor.name: _array(tensor, _shape(tensor, entry, batch, length))
        for tensor in entry.tensors
        if not tensor.optional
    }


@dataclass(frozen=True)
class Curve:
    """A loss and its derivative along one entry of its first prediction.

    Attributes
    ----------
    x, value, gradient : list of float
        The points.
    title : str
        What moves, and what stays.
    moved : str
        What moves.
    curvature : list of float or None
        The entry of the Hessian diagonal; None where it was not asked for, or there is none.
    """

    x: list[float]
    value: list[float]
    gradient: list[float]
    title: str
    moved: str
    curvature: list[float] | None = None


def curve(loss: Any, curvature: bool = False) -> Curve:
    """Return the curve of a loss at the defaults of its parameters, and its curvature if it is asked for."""
    entry: Entry = loss.entry
    moved = entry.predictions[0]
    low, high = _RANGES.get(moved.domain, (-3.0, 3.0))
    x = np.linspace(low, high, _POINTS)
    if entry.structure == "elementwise":
        given: dict[str, Any] = {moved.name: x}
        fixed = [tensor for tensor in entry.tensors if tensor is not moved and not tensor.optional]
        given |= {tensor.name: np.full_like(x, _AGAINST.get(tensor.domain, 0.0)) for tensor in fixed}
        value = loss(**given, reduction="none")
        gradient, bent = _derivatives(loss, given, moved.name, curvature)
        against = ", ".join(f"{tensor.name} = {given[tensor.name][0]:g}" for tensor in fixed)
        title = f"along {moved.name}" + (f", {against}" if against else "")
        bends = None if bent is None else _floats(bent)
        return Curve(x.tolist(), _floats(value), _floats(gradient), title, moved.name, bends)
    given = example(entry)
    first = (0,) * given[moved.name].ndim
    values, gradients, bend = [], [], []
    for point in x:
        given[moved.name][first] = point
        values.append(float(loss(**given, reduction="sum")))
        gradient, bent = _derivatives(loss, given, moved.name, curvature)
        gradients.append(float(gradient[first]))
        if bent is not None:
            bend.append(float(bent[first]))
    place = ", ".join(map(str, first))
    title = f"along {moved.name}[{place}] of the example, summed"
    return Curve(x.tolist(), values, gradients, title, f"{moved.name}[{place}]", bend or None)


def _derivatives(loss: Any, given: dict[str, Any], name: str, curvature: bool) -> tuple[Any, Any]:
    """Return gradient and exact curvature by the first prediction: one kernel has both, and each kernel takes
    seconds to compile.
    """
    if not curvature or loss.entry.default_variant.no_hessian:
        return np.asarray(loss.grad(**given, reduction="sum", wrt=name)), None
    both = loss.grad_and_hess(**given, curvature="exact")
    gradient, bent = (one[0] if isinstance(one, tuple) else one for one in both)
    return np.asarray(gradient), np.asarray(bent)


def _floats(array: Any) -> list[float]:
    numbers: list[float] = np.asarray(array, dtype=np.float64).tolist()
    return numbers


def _dims(tensor: Tensor, entry: Entry) -> tuple[str, ...]:
    return tuple(entry.axes[axis].dims for axis in tensor.axes)


def _batch(tensor: Tensor, entry: Entry) -> int:
    """Number of batch dimensions that the smallest array with all its axes has."""
    if not tensor.axes:
        return 1
    dims = _dims(tensor, entry)
    # `1` also takes a single row, which shows less.
    least = max((int(d.rstrip(":")) + 1 for d in dims if d.rstrip(":").isdigit()), default=1)
    for rank in range(least, 5):
        try:
            return len(make_layout((2,) * rank, dims, tensor.axes, tensor.name).batch_dims)
        except LossError:
            continue
    raise LossError(f"{tensor.name} fits no small example")


def _shape(tensor: Tensor, entry: Entry, batch: int, length: int) -> tuple[int, ...]:
    """Shape of an argument with that many batch dimensions, its axes of that length."""
    if not tensor.axes:
        return (_BATCH if entry.axes else length,) * batch
    # What lacks some axes of the first prediction is laid out as that is.
    first = entry.predictions[0]
    laid = first if set(tensor.axes) < set(first.axes) else tensor
    for rank in range(1, 6):
        try:
            layout = make_layout((length,) * rank, _dims(laid, entry), laid.axes, laid.name)
        except LossError:
            continue
        if len(layout.batch_dims) == batch:
            spans = zip(laid.axes, layout.axis_dims, strict=True)
            gone = {dim for axis, span in spans if axis not in tensor.axes for dim in span}
            return tuple(
                _BATCH if dim in layout.batch_dims else length for dim in range(rank) if dim not in gone
            )
    raise LossError(f"{tensor.name} fits no small example")


def _array(tensor: Tensor, shape: tuple[int, ...]) -> Any:
    count = int(np.prod(shape))
    if tensor.role == "class":
        return np.arange(count).reshape(shape) % _LENGTH
    if tensor.role == "labels":
        # Different neighbours, none at position 0, which is often reserved.
        return (1 + np.arange(count) % 2).reshape(shape)[..., : _LENGTH // 2]
    table = _PREDICTIONS if tensor.role == "pred" else _TARGETS
    numbers = table.get(tensor.domain, table["positive"])
    shift = sum(map(ord, tensor.name)) % len(numbers) if tensor.role == "pred" else 0
    return np.resize(np.roll(numbers, shift), shape).astype(np.float64)
