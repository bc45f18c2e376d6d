"""Arrays that kernels write to, and their way into what the user gets: shape, dtype and ``out=``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossgen.errors import LossTypeError, LossValueError
from lossgen.runtime.arrays import Array
from lossgen.runtime.layout import Layout
from lossgen.runtime.memory import fresh

__all__ = ["Output", "check_outs", "convert", "deliver", "divide", "packed", "scalar"]


class Output:
    """One array that a kernel writes.

    Parameters
    ----------
    layout : Layout
        How the kernel's array maps to the user's.
    written, result : dtype
        What the kernel writes and what the user gets.
    out : ndarray or None
        The user's array, checked before.
    inputs : sequence of ndarray
        Arrays that kernels read: an output may share no memory with them while they run.
    """

    __slots__ = ("kernel", "layout", "out", "result")

    def __init__(
        self,
        layout: Layout,
        written: np.dtype[Any],
        result: np.dtype[Any],
        out: Array | None,
        inputs: Sequence[Array],
    ) -> None:
        self.layout = layout
        self.result = result
        self.out = out
        direct = (
            out is not None
            and layout.order is None
            and written == result
            and out.flags.carray
            and not any(np.may_share_memory(out, array) for array in inputs)
        )
        if direct and out is not None:
            self.kernel = out.reshape(layout.kernel_shape)
        else:
            self.kernel = fresh(layout.kernel_shape, written)

    def finished(self) -> Array:
        """Return the user's array, filled."""
        if self.out is None:
            return convert(self.layout.from_kernel(self.kernel), self.result)
        if not np.may_share_memory(self.kernel, self.out):
            deliver(self.layout.from_kernel(self.kernel), self.out)
        return self.out


def convert(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return the array C-contiguous in a dtype; beyond its range is inf, without a warning."""
    if array.dtype == dtype:
        return array if array.flags.c_contiguous else np.array(array, order="C")
    with np.errstate(over="ignore"):
        return array.astype(dtype, order="C")


def deliver(array: Array, out: Array) -> None:
    """Copy a result into the user's array."""
    with np.errstate(over="ignore"):
        np.copyto(out, array, casting="unsafe")


def packed(arrays: Sequence[Array]) -> Any:
    """Return the array of a loss with one prediction, else a tuple."""
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def scalar(value: float, dtype: np.dtype[Any]) -> Any:
    """Return a reduced value as a NumPy scalar."""
    if dtype == np.float64:
        return np.float64(value)
    with np.errstate(over="ignore"):
        return np.asarray(value).astype(dtype)[()]


def divide(numerator: float, denominator: float) -> float:
    """Divide as IEEE 754 does: the mean of nothing is NaN."""
    if denominator == 0.0:
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.float64(numerator) / np.float64(denominator))
    return numerator / denominator


def check_outs(
    out: Any, shapes: Sequence[tuple[int, ...]], dtype: np.dtype[Any], single: bool
) -> Sequence[Array | None]:
    """Return the user's arrays, one per shape, or Nones; raise if one does not fit."""
    if out is None:
        return [None] * len(shapes)
    if single:
        _check_out(out, "out", shapes[0], dtype)
        return [out]
    if not isinstance(out, (tuple, list)) or len(out) != len(shapes):
        raise LossTypeError(
            f"out must be a tuple of {len(shapes)} arrays, one for each array of the result; got "
            f"{f'{len(out)} of them' if isinstance(out, (tuple, list)) else type(out).__name__}"
        )
    for place, (array, shape) in enumerate(zip(out, shapes, strict=True)):
        _check_out(array, f"out[{place}]", shape, dtype)
        if any(np.may_share_memory(array, other) and _overlaps(array, other) for other in out[:place]):
            raise LossValueError(f"out[{place}] overlaps another array of out: pass separate arrays")
    return out


def _check_out(out: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if not isinstance(out, np.ndarray):
        raise LossTypeError(f"{name} is of type {type(out).__name__}, a NumPy array is needed to write into")
    if out.dtype != dtype:
        raise LossTypeError(
            f"{name} has dtype {out.dtype}, but the result has dtype {dtype}: pass one of that dtype"
        )
    if out.shape != shape:
        raise LossValueError(
            f"{name} has shape {out.shape}, but the result has shape {shape}: pass one of that shape"
        )
    if not out.flags.writeable:
        raise LossValueError(f"{name} is read-only: pass an array that may be written to")


def _overlaps(first: Array, second: Array) -> bool:
    # The exact question can take exponential time; views that a user makes are decided at once.
    return bool(np.shares_memory(first, second))
