"""Samples as the arrays that the public functions take, and their results back as samples.

The batch goes into the dimensions that the axes of a tensor leave free; where they leave none, a call holds
one sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossgen.algebra.axes import Axis
from lossgen.algebra.tensors import Tensor
from lossgen.oracle.evaluate import Array, Case
from lossgen.spec.model import Loss, Program, Variant

_MOST_DIMENSIONS = 4
_PARAMETERS = ("param", "per_class")


@dataclass(frozen=True)
class Placement:
    """Where the axes of a tensor and the batch lie among the dimensions of its array."""

    rank: int
    axes: tuple[tuple[int, ...], ...]
    batch: tuple[int, ...]


class Arrangement:
    """How samples of one variant are laid out as arrays."""

    def __init__(self, loss: Loss, variant: Variant) -> None:
        self._optional = {parameter.name for parameter in loss.parameters if parameter.optional}
        self.program: Program = variant.program
        self.static = dict(variant.static)
        first = self.program.predictions[0]
        self.reference = self._placed(first, None)
        free = len(self.reference.batch)
        self.batched = free > 0
        self.placements = {
            tensor.name: self._left(tensor, first)
            if set(tensor.axes) < set(first.axes)
            else self._placed(tensor, free)
            for tensor in self.program.inputs
            if tensor.role not in _PARAMETERS
        }
        self.placements[first.name] = self.reference

    def _dims(self, axis: Axis) -> str:
        return next((dims for flag, dims in axis.when if self.static.get(flag)), axis.dims)

    def _left(self, tensor: Tensor, first: Tensor) -> Placement:
        """Return the placement of a tensor that lacks axes of the first prediction: what they leave."""
        spans = dict(zip(first.axes, self.reference.axes, strict=True))
        gone = {dim for axis, span in spans.items() if axis not in tensor.axes for dim in span}
        kept = [dim for dim in range(self.reference.rank) if dim not in gone]
        axes = tuple(tuple(map(kept.index, spans[axis])) for axis in tensor.axes)
        return Placement(len(kept), axes, tuple(map(kept.index, self.reference.batch)))

    def _placed(self, tensor: Tensor, free: int | None) -> Placement:
        fallback = None
        for rank in range(len(tensor.axes), _MOST_DIMENSIONS + 1):
            spans = [spanned(self._dims(axis), rank) for axis in tensor.axes]
            taken = [dim for span in spans for dim in span or ()]
            if any(not span for span in spans) or len(set(taken)) < len(taken):
                continue
            batch = tuple(dim for dim in range(rank) if dim not in taken)
            placement = Placement(rank, tuple(span for span in spans if span), batch)
            if len(batch) > 0 if free is None else len(batch) == free:
                return placement
            fallback = fallback or placement
        if fallback is None:
            raise ValueError(f"the axes of {tensor.name} fit no array of up to {_MOST_DIMENSIONS} dimensions")
        return fallback

    def arrays(self, cases: Sequence[Case]) -> dict[str, Any]:
        """Return the keyword arguments of a call on these samples, static choices and parameters included."""
        # Whether an optional parameter is there is a static choice, made by passing it or not.
        given = {name: value for name, value in self.static.items() if name not in self._optional}
        for tensor in self.program.inputs:
            values = [case.inputs[tensor.name] for case in cases]
            if tensor.role in _PARAMETERS:
                given[tensor.name] = values[0] if tensor.axes else values[0].item()
            else:
                given[tensor.name] = self.join(tensor.name, values)
        return given

    def join(self, name: str, values: Sequence[Array]) -> Array:
        """Return the array of a tensor from its samples."""
        placement = self.placements[name]
        stacked = np.stack(values)
        lead = (len(values), *(1 for _ in placement.batch[1:])) if placement.batch else ()
        spread = [
            _factors(size, len(span)) for size, span in zip(stacked.shape[1:], placement.axes, strict=True)
        ]
        wide = stacked.reshape(*lead, *(size for sizes in spread for size in sizes))
        return np.ascontiguousarray(wide.transpose(np.argsort(self._order(placement))))

    def split(self, name: str, array: Array, shape: tuple[int, ...]) -> Array:
        """Return (samples, *shape) from the array of a tensor."""
        placement = self.placements[name]
        return np.asarray(array).transpose(self._order(placement)).reshape(-1, *shape)

    def split_values(self, array: Array, items: Sequence[str], shape: tuple[int, ...]) -> Array:
        """Return (samples, *items) from unreduced values."""
        for tensor in self.program.inputs:
            names = [axis.name for axis in tensor.axes]
            if items and tensor.name in self.placements and set(items) <= set(names):
                placement = self.placements[tensor.name]
                spans = [placement.axes[names.index(item)] for item in items]
                kept = sorted([*placement.batch, *(dim for span in spans for dim in span)])
                order = [
                    kept.index(dim) for dim in (*placement.batch, *(dim for span in spans for dim in span))
                ]
                return np.asarray(array).transpose(order).reshape(-1, *shape)
        return np.asarray(array).reshape(-1, *shape)

    @staticmethod
    def _order(placement: Placement) -> tuple[int, ...]:
        return (*placement.batch, *(dim for span in placement.axes for dim in span))


def spanned(dims: str, rank: int) -> tuple[int, ...]:
    """Return the dimensions of an axis in an array of this rank, empty where they do not fit."""
    found: set[int] = set()
    for part in dims.replace(" ", "").split(","):
        if part == ":":
            found |= set(range(rank))
            continue
        first = int(part.rstrip(":"))
        if not -rank <= first < rank:
            return ()
        found |= set(range(first % rank, rank)) if part.endswith(":") else {first % rank}
    return tuple(sorted(found))


def _factors(size: int, count: int) -> list[int]:
    factors = []
    for left in range(count, 1, -1):
        factor = next((f for f in range(int(size ** (1 / left) + 1e-9), 1, -1) if size % f == 0), 1)
        factors.append(factor)
        size //= factor
    return [*factors, size] if count else []
