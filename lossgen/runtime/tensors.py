"""Read the array arguments of a call: dtypes, shapes that must agree, samples and axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossgen.errors import LossIndexError, LossTypeError, LossValueError
from lossgen.runtime.arrays import (
    INT64,
    Array,
    as_array,
    compute_dtype,
    is_half,
    require_integers,
    require_numbers,
    result_dtype,
)
from lossgen.runtime.labels import pad_concatenated, spelled_out
from lossgen.runtime.layout import Layout, flat_layout, make_layout
from lossgen.runtime.manifest import Entry, Tensor

__all__ = ["Tensors", "axis_dims", "layout_of", "prepare_tensors"]


@dataclass(slots=True)
class Tensors:
    """The array arguments of one call, ready for kernels."""

    kernel: dict[str, Array]
    layouts: dict[str, Layout]
    sizes: dict[str, int]
    result: np.dtype[Any]
    compute: np.dtype[Any]
    half: bool
    first: str

    def read_dtype(self, array: Array) -> np.dtype[Any]:
        """Return the dtype in which kernels read an array of floats.

        Where the results have 16 bits, arrays of their dtype are read as they are and converted in registers.
        All others are brought to the dtype that kernels compute in.
        """
        return self.result if self.half and array.dtype == self.result else self.compute

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the batch: one entry per sample."""
        return self.layouts[self.first].batch_shape

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self.layouts[self.first].kernel_shape[0]

    @property
    def per_sample(self) -> int:
        """Elements of one sample in its largest tensor."""
        most = 1
        for layout in self.layouts.values():
            size = 1
            for extent in layout.axis_sizes:
                size *= extent
            most = max(most, size)
        return most


def axis_dims(entry: Entry, static: Mapping[str, Any], axis: Any) -> dict[str, str]:
    """Return the dimensions of each axis under the static choices and the user's ``axis=``."""
    dims = {}
    for name, item in entry.axes.items():
        dims[name] = item.dims
        for flag, other in item.when.items():
            if static.get(flag):
                dims[name] = other
    if axis is not None and entry.class_axis is not None:
        if isinstance(axis, (bool, np.bool_)) or not hasattr(axis, "__index__"):
            raise LossTypeError(f"axis={axis!r} is not allowed: pass one dimension as an integer")
        dims[entry.class_axis] = str(axis.__index__())
    return dims


def prepare_tensors(
    entry: Entry, given: Mapping[str, Any], dims: Mapping[str, str], marks: Mapping[str, Any]
) -> Tensors:
    """Check all array arguments against each other and bring them to the form of kernels.

    `marks` are the parameters of the call, one of which may mark what takes no part.
    """
    raw: dict[str, Array] = {}
    for tensor in entry.tensors:
        value = given.get(tensor.name)
        if value is not None:
            array = as_array(value, tensor.name)
            (require_numbers if tensor.is_float else require_integers)(array, tensor.name)
            raw[tensor.name] = array
        elif not tensor.optional:
            raise LossTypeError(f"{tensor.name} is None: an array is needed")
    predictions = [raw[tensor.name] for tensor in entry.predictions]
    result = result_dtype(predictions)
    reference = entry.predictions[0]
    layouts = {reference.name: layout_of(reference, raw[reference.name], dims)}
    batch_shape = layouts[reference.name].batch_shape
    tensors = Tensors(
        kernel={},
        layouts=layouts,
        sizes={},
        result=result,
        compute=compute_dtype(result),
        half=is_half(result),
        first=reference.name,
    )
    for tensor in entry.tensors:
        if tensor.name not in raw:
            continue
        if tensor.role == "labels":
            raw[tensor.name] = _one_row_each(entry, tensor, raw, batch_shape)
        elif tensor.role == "length" and raw[tensor.name].ndim == 0:
            raw[tensor.name] = np.broadcast_to(raw[tensor.name], batch_shape)
        elif tensor.spells is not None:
            default = next((one.default for one in entry.params if one.name == tensor.marked_by), None)
            mark = marks.get(tensor.marked_by, default)
            given_as = (raw[tensor.name], layouts[reference.name], reference.axes)
            raw[tensor.name] = spelled_out(tensor, *given_as, mark, tensors.compute)
        if tensor is not reference:
            layouts[tensor.name] = _matching_layout(tensor, raw, reference, layouts[reference.name], dims)
        _join_sizes(tensor, layouts[tensor.name], tensors.sizes, raw)
    _check_equal_axes(entry, tensors.sizes, reference.name, layouts[reference.name].shape)
    for tensor in entry.tensors:
        if tensor.name in raw:
            dtype = tensors.read_dtype(raw[tensor.name]) if tensor.is_float else INT64
            tensors.kernel[tensor.name] = layouts[tensor.name].to_kernel(_within_int64(tensor, raw), dtype)
        else:
            layouts[tensor.name] = flat_layout(batch_shape)
            tensors.kernel[tensor.name] = np.full(tensors.samples, tensors.sizes[tensor.over or ""], INT64)
    return tensors


def layout_of(tensor: Tensor, array: Array, dims: Mapping[str, str]) -> Layout:
    """Return the layout that an array has by its own axes."""
    if not tensor.axes:
        return flat_layout(array.shape)
    return make_layout(array.shape, tuple(dims[axis] for axis in tensor.axes), tensor.axes, tensor.name)


def _matching_layout(
    tensor: Tensor, raw: Mapping[str, Array], reference: Tensor, layout: Layout, dims: Mapping[str, str]
) -> Layout:
    array = raw[tensor.name]
    name, shape = tensor.name, array.shape
    if tensor.axes == reference.axes:
        if shape != layout.shape:
            raise LossValueError(
                f"{reference.name} and {name} must have equal shapes, but {reference.name} has shape "
                f"{layout.shape} and {name} has shape {shape}: reshape or broadcast one of them yourself"
            )
        return layout
    if set(tensor.axes) < set(reference.axes):
        spans = dict(zip(reference.axes, layout.axis_dims, strict=True))
        gone = {dim for axis, spanned in spans.items() if axis not in tensor.axes for dim in spanned}
        kept = [dim for dim in range(len(layout.shape)) if dim not in gone]
        needed = tuple(layout.shape[dim] for dim in kept)
        if shape != needed:
            taken = ", ".join(
                f"{axis} (dimension {', '.join(map(str, spanned)) or dims[axis]})"
                for axis, spanned in spans.items()
                if axis not in tensor.axes
            )
            raise LossValueError(
                f"{name} must have the shape of {reference.name} without its axis {taken}: {reference.name} "
                f"has shape {layout.shape}, so {name} needs {needed}, but it has {shape}"
            )
        return flat_layout(shape, tuple(tuple(map(kept.index, spans[axis])) for axis in tensor.axes))
    own = layout_of(tensor, array, dims)
    if own.batch_shape != layout.batch_shape:
        raise LossValueError(
            f"{name} has shape {shape}, which leaves the batch {own.batch_shape} beside its axes "
            f"{', '.join(tensor.axes)}, but {reference.name} of shape {layout.shape} leaves "
            f"{layout.batch_shape}: both must have the same batch"
        )
    return own


def _join_sizes(tensor: Tensor, layout: Layout, sizes: dict[str, int], raw: Mapping[str, Array]) -> None:
    for axis, size in zip(tensor.axes, layout.axis_sizes, strict=True):
        if sizes.setdefault(axis, size) != size:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in raw.items())
            raise LossValueError(
                f"{tensor.name} has size {size} along the axis {axis}, which has size {sizes[axis]} "
                f"elsewhere: the shapes are {shapes}"
            )


def _check_equal_axes(entry: Entry, sizes: Mapping[str, int], name: str, shape: tuple[int, ...]) -> None:
    for axis in entry.axes.values():
        other = axis.equals
        if other is not None and {other, axis.name} <= sizes.keys() and sizes[axis.name] != sizes[other]:
            raise LossValueError(
                f"{name} has shape {shape}: its axes {other} and {axis.name} must be equally long, "
                f"but have {sizes[other]} and {sizes[axis.name]} entries"
            )


def _one_row_each(
    entry: Entry, tensor: Tensor, raw: Mapping[str, Array], batch_shape: tuple[int, ...]
) -> Array:
    labels = raw[tensor.name]
    if labels.ndim != 1 or len(tensor.axes) != 1 or not batch_shape:
        return labels
    for other in entry.tensors:
        if other.role == "length" and other.over == tensor.axes[0] and other.name in raw:
            return pad_concatenated(labels, raw[other.name], batch_shape, (tensor.name, other.name))
    return labels


def _within_int64(tensor: Tensor, raw: Mapping[str, Array]) -> Array:
    # Only uint64 reaches beyond int64, where a cast would wrap a huge label into a valid one.
    array = raw[tensor.name]
    if array.dtype == np.uint64 and array.size and not tensor.is_float:
        largest = array.max()
        if largest > np.iinfo(np.int64).max:
            raise LossIndexError(
                f"{tensor.name} holds {largest}, beyond the range of int64: pass valid indices"
            )
    return array
