"""Sample weights and masks of a call, in the form that kernels expect."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossgen.errors import LossTypeError, LossValueError
from lossgen.runtime.arrays import Array, as_array, require_numbers
from lossgen.runtime.layout import Layout, flat_layout
from lossgen.runtime.manifest import Entry, Variant
from lossgen.runtime.tensors import Tensors

__all__ = ["ALL_KEPT", "one", "read_mask", "read_per_item", "values_layout"]

ALL_KEPT = np.ones(1, dtype=np.bool_)
_ONES = {dtype: np.ones(1, dtype=dtype) for dtype in (np.dtype(np.float32), np.dtype(np.float64))}


def one(dtype: np.dtype[Any]) -> Array:
    """Return the shared array (1,) holding 1, which nothing may write to."""
    return _ONES[dtype]


def values_layout(entry: Entry, variant: Variant, tensors: Tensors) -> Layout:
    """Return the layout of unreduced values: batch dimensions and item axes, in the predictions' order."""
    if not variant.item_axes:
        return flat_layout(tensors.batch_shape)
    for tensor in entry.tensors:
        if set(variant.item_axes) <= set(tensor.axes):
            layout = tensors.layouts[tensor.name]
            spans = [layout.axis_dims[tensor.axes.index(axis)] for axis in variant.item_axes]
            kept = sorted([*layout.batch_dims, *(dim for span in spans for dim in span)])
            shape = tuple(layout.shape[dim] for dim in kept)
            return flat_layout(shape, tuple(tuple(kept.index(dim) for dim in span) for span in spans))
    # No tensor has all of them: the items follow the batch.
    rank = len(tensors.batch_shape)
    sizes = tuple(tensors.sizes[axis] for axis in variant.item_axes)
    return flat_layout((*tensors.batch_shape, *sizes), tuple((rank + k,) for k in range(len(sizes))))


def read_per_item(value: Any, name: str, layout: Layout, dtype: np.dtype[Any]) -> Array:
    """Read a weight or upstream gradient: (1,) for one number, else one entry per sample and item."""
    if type(value) in (float, int):
        return np.full(1, value, dtype)
    array = as_array(value, name)
    require_numbers(array, name)
    if array.size == 1 and array.ndim <= len(layout.shape):
        return array.astype(dtype).reshape(1)
    return layout.to_kernel(_broadcast(array, name, layout), dtype)


def read_mask(value: Any, layout: Layout) -> Array:
    """Read ``where``: one boolean per sample."""
    array = as_array(value, "where")
    if array.dtype != np.bool_:
        raise LossTypeError(f"where has dtype {array.dtype}, booleans are needed: pass where != 0")
    return layout.to_kernel(_broadcast(array, "where", layout), array.dtype)


def _broadcast(array: Array, name: str, layout: Layout) -> Array:
    try:
        return np.broadcast_to(array, layout.shape)
    except ValueError:
        raise LossValueError(
            f"{name} has shape {array.shape}, which does not broadcast to the shape {layout.shape} of the "
            f"unreduced loss: pass a scalar or an array that does, for example {name}[:, None]"
        ) from None
