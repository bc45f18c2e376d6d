"""Bring arrays of any rank to the form of kernels, samples first and the named axes after, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from lossgen.errors import LossValueError
from lossgen.runtime.arrays import Array, kernel_array

__all__ = ["Layout", "flat_layout", "make_layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the dimensions of one array map to samples and axes.

    Attributes
    ----------
    shape : tuple of int
        Shape of the user's array.
    order : tuple of int or None
        Transposition that puts the batch dimensions first and then each axis; None if they are so already.
    axis_dims : tuple of tuple of int
        Dimensions of each axis.
    batch_shape, axis_sizes, kernel_shape : tuple of int
        Shape of the batch, merged size of each axis, and (samples, *axis sizes).
    """

    shape: tuple[int, ...]
    order: tuple[int, ...] | None
    axis_dims: tuple[tuple[int, ...], ...]
    batch_dims: tuple[int, ...]
    batch_shape: tuple[int, ...]
    axis_sizes: tuple[int, ...]
    kernel_shape: tuple[int, ...]

    def to_kernel(self, array: Array, dtype: np.dtype[Any]) -> Array:
        """Return the array as (samples, *axes) in the dtype, a view where possible."""
        if self.order is not None:
            array = array.transpose(self.order)
        return kernel_array(array, dtype).reshape(self.kernel_shape)

    def from_kernel(self, array: Array) -> Array:
        """Return an array of (samples, *axes) in the user's shape, a view where possible."""
        if self.order is None:
            return array.reshape(self.shape)
        moved = array.reshape([self.shape[dim] for dim in self.order])
        return moved.transpose(np.argsort(self.order))


@lru_cache(maxsize=512)
def make_layout(shape: tuple[int, ...], dims: tuple[str, ...], axes: tuple[str, ...], name: str) -> Layout:
    """Return the layout of an array of this shape.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    dims : tuple of str
        For each axis the dimensions it spans: a comma list of ``k``, ``-k``, ``k:`` and ``:``.
    axes : tuple of str
        Names of the axes, for messages.
    name : str
        Name of the argument, for messages.
    """
    axis_dims = tuple(
        _spanned(text, len(shape), len(dims), axis, name) for text, axis in zip(dims, axes, strict=True)
    )
    taken = [dim for spanned in axis_dims for dim in spanned]
    if len(set(taken)) < len(taken):
        raise LossValueError(
            f"{name} has {len(shape)} dimension(s), shape {shape}, too few for its axes "
            f"{_described(axes, dims)}: each needs dimensions of its own"
        )
    return _build(shape, axis_dims)


@lru_cache(maxsize=512)
def flat_layout(shape: tuple[int, ...], dims: tuple[tuple[int, ...], ...] = ()) -> Layout:
    """Return the layout of an array whose axes span the given dimensions; all others are batch."""
    return _build(shape, dims)


def _build(shape: tuple[int, ...], axis_dims: tuple[tuple[int, ...], ...]) -> Layout:
    taken = [dim for spanned in axis_dims for dim in spanned]
    batch_dims = tuple(dim for dim in range(len(shape)) if dim not in taken)
    order = (*batch_dims, *taken)
    batch_shape = tuple(shape[dim] for dim in batch_dims)
    axis_sizes = tuple(math.prod(shape[dim] for dim in spanned) for spanned in axis_dims)
    return Layout(
        shape=shape,
        order=None if order == tuple(range(len(shape))) else order,
        axis_dims=axis_dims,
        batch_dims=batch_dims,
        batch_shape=batch_shape,
        axis_sizes=axis_sizes,
        kernel_shape=(math.prod(batch_shape), *axis_sizes),
    )


def _spanned(text: str, rank: int, axis_count: int, axis: str, name: str) -> tuple[int, ...]:
    dims: list[int] = []
    for part in text.split(","):
        if part == ":":
            dims.extend(range(rank))
            continue
        is_range = part.endswith(":")
        first = int(part.rstrip(":"))
        if part == "1" and rank == 1 and axis_count == 1:
            first = 0  # a single row without a batch
        if not -rank <= first < rank:
            needed = first + 1 if first >= 0 else -first
            raise LossValueError(
                f"{name} has {rank} dimension(s), but its axis {axis} is dimension {part}: "
                f"at least {needed} are needed; add dimensions with {name}[None] or choose another axis"
            )
        first %= rank
        dims.extend(range(first, rank) if is_range else [first])
    return tuple(sorted(set(dims)))


def _described(axes: tuple[str, ...], dims: tuple[str, ...]) -> str:
    return ", ".join(f"{axis} (dimension {text})" for axis, text in zip(axes, dims, strict=True))
