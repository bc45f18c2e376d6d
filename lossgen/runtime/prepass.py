"""What is known before any kernel reads the predictions: valid indices and the divisor of the mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lossgen.errors import LossIndexError
from lossgen.runtime.arrays import Array
from lossgen.runtime.manifest import Entry, Tensor
from lossgen.runtime.tensors import Tensors

__all__ = ["INDICES", "check_indices", "run_prepass"]

INDICES = ("class", "labels", "length")


def run_prepass(
    kernel: Callable[..., tuple[float, ...]],
    entry: Entry,
    tensors: Tensors,
    arguments: list[Array],
    mean_scale: Array,
) -> list[float]:
    """Run a generated prepass and return the denominator of each term.

    Raises
    ------
    LossIndexError
        If a class index, label or length is out of range.
    """
    *denominators, bad = kernel(*arguments, mean_scale)
    if bad >= 0:
        _raise_for(entry, tensors, int(bad))
    return [float(denominator) for denominator in denominators]


def check_indices(entry: Entry, tensors: Tensors, mask: Array) -> None:
    """Check the range of all index tensors, for losses that have no prepass to do it."""
    for tensor in entry.tensors:
        if tensor.role in INDICES:
            lowest, highest = _bounds(tensor, tensors.sizes)
            values = tensors.kernel[tensor.name]
            outside = (values < lowest) | (values > highest)
            wrong = outside.any(axis=tuple(range(1, values.ndim))) & mask
            if wrong.any():
                _raise_for(entry, tensors, int(np.argmax(wrong)))


def _bounds(tensor: Tensor, sizes: Mapping[str, int]) -> tuple[int, int]:
    size = sizes[tensor.over or ""]
    # A length may reach the full extent; an index stays below it.
    return 0, size if tensor.role == "length" else size - 1


def _raise_for(entry: Entry, tensors: Tensors, sample: int) -> None:
    """Name the argument, value and position that made a sample bad."""
    for tensor in entry.tensors:
        if tensor.role not in INDICES:
            continue
        lowest, highest = _bounds(tensor, tensors.sizes)
        row = np.atleast_1d(tensors.kernel[tensor.name][sample])
        used = row[: _used_length(entry, tensor, tensors, sample)] if tensor.role == "labels" else row
        outside = np.argwhere((used < lowest) | (used > highest))
        if outside.size:
            value = int(used[tuple(outside[0])])
            place = _user_position(tensor, tensors, sample, outside[0])
            raise LossIndexError(
                f"{tensor.name}{place} = {value} is out of range: {_wording(tensor, lowest, highest)}"
            )
    raise LossIndexError(f"sample {sample} holds an index out of range: {_all_ranges(entry, tensors)}")


def _used_length(entry: Entry, tensor: Tensor, tensors: Tensors, sample: int) -> int | None:
    for other in entry.tensors:
        if other.role == "length" and other.over in tensor.axes:
            return max(0, int(tensors.kernel[other.name][sample]))
    return None


def _user_position(tensor: Tensor, tensors: Tensors, sample: int, inner: Any) -> str:
    layout = tensors.layouts[tensor.name]
    if not layout.shape:
        return ""
    place = [0] * len(layout.shape)
    for dim, index in zip(
        layout.batch_dims, np.unravel_index(sample, layout.batch_shape or (1,)), strict=False
    ):
        place[dim] = int(index)
    for spanned, index in zip(layout.axis_dims, inner, strict=False):
        spread = np.unravel_index(int(index), tuple(layout.shape[dim] for dim in spanned))
        for dim, position in zip(spanned, spread, strict=True):
            place[dim] = int(position)
    return f"[{', '.join(map(str, place))}]"


def _wording(tensor: Tensor, lowest: int, highest: int) -> str:
    kind = {"length": "lengths", "labels": "labels"}.get(tensor.role, "class indices")
    if highest < lowest:
        return f"axis {tensor.over} is empty"
    return f"{kind} along axis {tensor.over} lie between {lowest} and {highest}"


def _all_ranges(entry: Entry, tensors: Tensors) -> str:
    indexed = [tensor for tensor in entry.tensors if tensor.role in INDICES]
    return "; ".join(f"{item.name}: {_wording(item, *_bounds(item, tensors.sizes))}" for item in indexed)
