"""Read run-time parameters: type, domain, shape, and the arrays that kernels get."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import copysign, prod
from typing import Any

import numpy as np

from lossgen.errors import LossIndexError, LossTypeError, LossValueError
from lossgen.runtime.arrays import FLOAT64, INT64, Array, as_array, kernel_array, require_numbers
from lossgen.runtime.manifest import Entry, Param, Variant
from lossgen.runtime.tensors import Tensors

__all__ = ["Params", "prepare_params"]

# Kind of parameter: which values are allowed (NaN never is), and how to say it.
_DOMAINS: Mapping[str, tuple[Callable[[Array], Array], str]] = {
    "positive": (lambda values: values > 0, "greater than 0"),
    "nonnegative": (lambda values: values >= 0, "0 or greater"),
    "unit": (lambda values: (values >= 0) & (values <= 1), "between 0 and 1"),
    "sign": (lambda values: np.abs(values) == 1, "-1 or 1"),
    "real": (lambda values: values == values, "a number, not NaN"),
}


class Params:
    """The parameters of one call.

    Attributes
    ----------
    kernel : list of ndarray
        One array per parameter of the variant, in order: (1,) or (samples,), or the sizes of its axes.
    shapes : dict
        The shape in which the user gave each, which is the shape of its gradient.
    uniform : bool
        Whether no parameter varies from sample to sample.
    """

    __slots__ = ("_free", "kernel", "shapes", "uniform")

    def __init__(self) -> None:
        self.kernel: list[Array] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.uniform = True
        self._free: list[bool] = []

    def add(self, param: Param, array: Array, shape: tuple[int, ...]) -> None:
        """Append a parameter."""
        self.kernel.append(array)
        self.shapes[param.name] = shape
        self._free.append(not param.axes)
        if not param.axes and prod(shape) != 1:
            self.uniform = False

    def vary(self, samples: int) -> list[bool]:
        """Return for each parameter whether its array has one entry per sample."""
        return [
            free and array.shape[0] == samples for free, array in zip(self._free, self.kernel, strict=True)
        ]

    def spread(self, samples: int) -> None:
        """Give every parameter without axes one entry per sample, as kernels of general calls expect."""
        for place, free in enumerate(self._free):
            array = self.kernel[place]
            if free and array.shape[0] != samples:
                self.kernel[place] = np.full(samples, array[0], array.dtype)


def prepare_params(entry: Entry, variant: Variant, given: Mapping[str, Any], tensors: Tensors) -> Params:
    """Check the parameters of a variant and bring them to the form of kernels."""
    params = Params()
    for param in entry.params:
        if param.name not in variant.params:
            _refuse_unused(param, given)
            continue
        value = given.get(param.name, param.default)
        dtype = tensors.compute if param.is_float else INT64
        if isinstance(value, np.generic) and value.dtype.kind in "fiu":
            value = value.item()
        kind = type(value)
        if not param.axes and (kind is float or kind is int):
            # The sign is part of the key because 0.0 == -0.0.
            array = _number(param, value, copysign(1.0, value), dtype)
            params.add(param, _in_range(param, array, tensors), ())
            continue
        if value is None:
            raise LossTypeError(f"{param.name} is None: {_described(param)} is needed")
        array = as_array(value, param.name)
        params.add(param, _in_range(param, _many(param, array, dtype, tensors), tensors), array.shape)
    return params


def _in_range(param: Param, array: Array, tensors: Tensors) -> Array:
    # A position on an axis is an index that kernels use.
    if param.over is not None:
        size = tensors.sizes[param.over]
        outside = array[(array < 0) | (array >= size)]
        if outside.size:
            known = f"has positions 0 to {size - 1}" if size else "is empty"
            raise LossIndexError(f"{param.name}={outside[0]} is out of range: axis {param.over} {known}")
    return array


def _refuse_unused(param: Param, given: Mapping[str, Any]) -> None:
    value = given.get(param.name)
    if value is not None and value is not param.default and not np.array_equal(value, param.default):
        raise LossValueError(f"{param.name}={value!r} has no effect under the chosen options: leave it out")


@lru_cache(maxsize=1024)
def _number(param: Param, value: float, sign: float, dtype: np.dtype[Any]) -> Array:
    array = np.asarray([value]) if param.is_float else _integers(np.asarray([value]), param.name)
    return _checked(param, array, dtype, ())


def _many(param: Param, array: Array, dtype: np.dtype[Any], tensors: Tensors) -> Array:
    if array.dtype.kind == "b":
        raise LossTypeError(f"{param.name} has dtype bool: {_described(param)} is needed")
    require_numbers(array, param.name)
    if not param.is_float:
        array = _integers(array, param.name)
    shape = tuple(tensors.sizes[axis] for axis in param.axes) if param.axes else tensors.batch_shape
    try:
        wide = np.broadcast_to(array, shape)
    except ValueError:
        meaning = f"one number per entry of axis {', '.join(param.axes)}" if param.axes else "one per sample"
        raise LossValueError(
            f"{param.name} has shape {array.shape}, which does not broadcast to {shape} ({meaning}): "
            "pass one number or an array of that shape"
        ) from None
    checked = _checked(param, array, dtype, array.shape)
    if not param.axes and array.size == 1:
        return checked.reshape(1)
    return kernel_array(np.broadcast_to(checked, shape), dtype).reshape(shape if param.axes else wide.size)


def _integers(array: Array, name: str) -> Array:
    if array.dtype.kind in "iu":
        return array
    if array.size and not bool(np.all(array == np.trunc(array))):
        raise LossTypeError(f"{name}={_shown(array)} is not a whole number: pass an integer")
    if array.dtype.kind == "O":
        raise LossTypeError(f"{name}={_shown(array)} is beyond the range of int64: pass a smaller integer")
    raise LossTypeError(f"{name} has dtype {array.dtype}, an integer is needed: pass int({name})")


def _checked(param: Param, array: Array, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        # Judged after rounding, because the kernel sees the rounded number: 1e-60 is 0 in float32.
        rounded = np.array(array, dtype=dtype, order="C")
    allowed, wording = _DOMAINS.get(param.domain, _DOMAINS["real"])
    good = allowed(rounded)
    if param.limit is not None:
        limit, included = dtype.type(param.limit[0]), param.limit[1]
        good &= rounded <= limit if included else rounded < limit
        wording = param.above if param.domain == "real" else f"{wording} and {param.above}"
    if bool(np.all(good)):
        return rounded
    place = tuple(int(index) for index in np.argwhere(np.atleast_1d(~good))[0])
    value = np.atleast_1d(array)[place]
    where = f"[{', '.join(map(str, place))}]" if shape else ""
    note = (
        f" (it becomes {np.atleast_1d(rounded)[place]} in {dtype})" if _changed(value, rounded, place) else ""
    )
    raise LossValueError(
        f"{param.name}{where}={_plain(value)} is not allowed{note}: {param.name} must be {wording}"
    )


def _changed(value: Any, rounded: Array, place: tuple[int, ...]) -> bool:
    as_given = float(np.asarray(value).astype(FLOAT64))
    return as_given == as_given and float(np.atleast_1d(rounded)[place]) != as_given


def _plain(value: Any) -> str:
    return repr(value.item()) if hasattr(value, "item") else repr(value)


def _shown(array: Array) -> str:
    return _plain(array.ravel()[0]) if array.size == 1 else f"array of shape {array.shape}"


def _described(param: Param) -> str:
    number = "a number" if param.is_float else "an integer"
    return f"{number} or one for each entry of axis {', '.join(param.axes)}" if param.axes else number
