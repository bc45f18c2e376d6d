"""Label sequences given one after the other in one array, split into padded rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lossgen.errors import LossIndexError, LossValueError
from lossgen.runtime.arrays import Array
from lossgen.runtime.layout import Layout
from lossgen.runtime.manifest import Tensor

__all__ = ["pad_concatenated", "spelled_out"]


def pad_concatenated(
    labels: Array, lengths: Array, batch_shape: tuple[int, ...], names: tuple[str, str]
) -> Array:
    """Return concatenated labels as one row per sample, padded with zeros that no kernel reads.

    Parameters
    ----------
    labels : ndarray
        All labels, sample after sample.
    lengths : ndarray
        Number of labels of each sample.
    batch_shape : tuple of int
        Shape of the batch.
    names : tuple of str
        Argument names of labels and lengths, for messages.
    """
    labels_name, lengths_name = names
    counts = np.broadcast_to(lengths, batch_shape).ravel() if lengths.ndim == 0 else lengths.ravel()
    if counts.size != math.prod(batch_shape):
        raise LossValueError(
            f"{lengths_name} has {counts.size} entries for {math.prod(batch_shape)} samples: give one each"
        )
    if counts.size and counts.min() < 0:
        place = int(np.argmin(counts))
        raise LossIndexError(f"{lengths_name}[{place}] = {counts[place]} is negative: lengths start at 0")
    if int(counts.sum()) != labels.size:
        raise LossValueError(
            f"{labels_name} holds {labels.size} labels one after the other, but {lengths_name} adds up to "
            f"{int(counts.sum())}: both must agree, or pass {labels_name} with one padded row per sample"
        )
    width = int(counts.max()) if counts.size else 0
    rows = np.zeros((counts.size, width), dtype=np.int64)
    rows[np.arange(width) < counts[:, None]] = labels
    return rows.reshape(*batch_shape, width)


def spelled_out(
    tensor: Tensor, indices: Array, layout: Layout, axes: tuple[str, ...], mark: Any, dtype: np.dtype[Any]
) -> Array:
    """Return indices of positions on an axis as numbers along it: 1 at the position, 0 elsewhere.

    Parameters
    ----------
    tensor : Tensor
        The target that was given as indices.
    indices : ndarray
        What was given; an array that already has the axis is returned as it is.
    layout, axes
        Layout and axes of the prediction.
    mark : number or None
        The index of what takes no part; there all numbers are that mark.
    dtype : dtype
        Dtype of the numbers.

    Raises
    ------
    LossIndexError
        If an index is no position.
    """
    (dim,) = layout.axis_dims[axes.index(tensor.spells or "")]
    size = layout.shape[dim]
    if indices.dtype.kind not in "iu" or indices.shape != layout.shape[:dim] + layout.shape[dim + 1 :]:
        return indices
    if np.ndim(mark):
        raise LossValueError(
            f"{tensor.marked_by} has shape {np.shape(mark)}: where "
            f"{tensor.name} holds class indices, pass one number"
        )
    ignored = np.zeros(indices.shape, np.bool_) if mark is None else indices == mark
    outside = ((indices < 0) | (indices >= size)) & ~ignored
    if outside.any():
        place = tuple(int(k) for k in np.argwhere(outside)[0])
        aside = "" if mark is None else f", {tensor.marked_by}={mark!r} aside"
        raise LossIndexError(
            f"{tensor.name}[{', '.join(map(str, place))}] = {indices[place]} is out of range: class indices "
            f"along axis {tensor.spells} lie between 0 and {size - 1}{aside}"
        )
    shape = [1] * len(layout.shape)
    shape[dim] = size
    numbers = np.equal(np.expand_dims(indices, dim), np.arange(size).reshape(shape)).astype(dtype)
    if mark is not None:
        np.copyto(numbers, mark, where=np.expand_dims(ignored, dim))
    return numbers
