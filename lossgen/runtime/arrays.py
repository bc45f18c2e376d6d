"""Turn what a user passes into arrays that kernels accept, and name what cannot be."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from lossgen.errors import LossTypeError

__all__ = [
    "FLOAT32",
    "FLOAT64",
    "INT64",
    "Array",
    "as_array",
    "compute_dtype",
    "is_bfloat16",
    "is_half",
    "kernel_array",
    "require_integers",
    "require_numbers",
    "result_dtype",
]

Array = npt.NDArray[Any]

FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
INT64 = np.dtype(np.int64)

# float16 and bfloat16 compute in float32. Wider floats have no kernels and are refused, not rounded silently.
_FLOATS = frozenset({np.dtype(np.float16), FLOAT32, FLOAT64})


def as_array(value: Any, name: str) -> Array:
    """Read a list, scalar, buffer, tensor or array as an array, without a copy where possible."""
    if type(value) is np.ndarray:
        return value
    kind = type(value)
    if kind.__module__.startswith("numpy.ma"):
        raise LossTypeError(
            f"{name} is a masked array, whose mask would be lost: pass {name}.data and where=~{name}.mask"
        )
    try:
        if str(getattr(value, "dtype", "")) == "torch.bfloat16":
            return _from_torch_bfloat16(value)
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise LossTypeError(f"{name} of type {kind.__name__} cannot be read as one array: {error}") from None


def _from_torch_bfloat16(tensor: Any) -> Array:
    # NumPy has no bfloat16. ml_dtypes has, of the same patterns; without it float32 holds each value exactly.
    if getattr(tensor, "requires_grad", False):  # which torch checks for floats only, not for patterns
        raise TypeError("it requires grad: pass tensor.detach()")
    try:
        bfloat16 = importlib.import_module("ml_dtypes").bfloat16
    except ModuleNotFoundError:
        return np.asarray(tensor.float())
    return np.asarray(tensor.view(importlib.import_module("torch").int16)).view(bfloat16)


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is ml_dtypes' bfloat16, known by its name so that ml_dtypes is not imported."""
    return dtype.kind == "V" and dtype.name == "bfloat16"


def is_half(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is float16 or bfloat16."""
    return dtype.itemsize == 2 and (dtype == np.float16 or is_bfloat16(dtype))


def require_numbers(array: Array, name: str) -> None:
    """Raise unless an array holds real numbers of a dtype that converts to float32 or float64."""
    dtype = array.dtype
    if dtype in _FLOATS or dtype.kind in "iub" or is_bfloat16(dtype) or dtype.newbyteorder("=") in _FLOATS:
        return
    if dtype.kind == "c":
        fix = f"pass {name}.real or abs({name})"
    elif dtype.kind == "O":
        fix = "pass numbers only, in a rectangular array"
    else:
        fix = f"convert it, for example {name}.astype(np.float64)"
    raise LossTypeError(f"{name} has dtype {dtype}, real numbers are needed: {fix}")


def require_integers(array: Array, name: str) -> None:
    """Raise unless an array holds integers; an empty list, which NumPy reads as float, is fine."""
    kind = array.dtype.kind
    if kind in "iu" or array.size == 0:
        return
    if kind == "b" or (kind == "f" and bool(np.all(array == np.trunc(array)))):
        detail = "boolean" if kind == "b" else "whole numbers in a float dtype"
        raise LossTypeError(
            f"{name} has dtype {array.dtype} ({detail}), integers are needed: pass {name}.astype(np.int64)"
        )
    raise LossTypeError(
        f"{name} has dtype {array.dtype}, integers are needed: pass class indices, not scores or one-hot rows"
    )


def result_dtype(predictions: list[Array]) -> np.dtype[Any]:
    """Return the dtype of values and gradients: that of the predictions; float64 for integers."""
    dtype = predictions[0].dtype
    for other in predictions[1:]:
        if other.dtype != dtype:
            try:
                dtype = np.result_type(dtype, other.dtype)
            except TypeError:  # float16 with bfloat16 have no common dtype of 16 bits
                dtype = FLOAT32
    if dtype.kind in "iub":
        return FLOAT64
    return dtype if dtype.isnative else dtype.newbyteorder("=")


def compute_dtype(result: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that kernels compute in."""
    return FLOAT64 if result == FLOAT64 else FLOAT32


class _Borrowed:
    """Memory of a read-only array, presented as writeable."""

    def __init__(self, array: Array) -> None:
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface
        self.owner = array  # keeps the memory alive


def kernel_array(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return the array in a dtype, C-contiguous, aligned and typed as writeable; a view where possible.

    Numba compiles a kernel anew for read-only or unaligned arrays. Kernels never write to their inputs, so a
    read-only array (a memory map of any size) is lent to them as if it were writeable.
    """
    if array.dtype != dtype:
        with np.errstate(over="ignore"):  # a float64 target beyond float32 is inf there
            return array.astype(dtype, order="C")
    flags = array.flags
    if flags.carray:
        return array
    if flags.c_contiguous and flags.aligned:
        # The protocol has no name for bfloat16.
        return np.asarray(_Borrowed(array)).view(dtype)
    return np.array(array, order="C")
