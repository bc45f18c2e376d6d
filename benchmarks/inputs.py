"""Inputs of any size for any loss, made from what its entry says about its arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossgen.runtime.manifest import Entry, Tensor

Array = NDArray[Any]
Shape = tuple[int, ...]

# Shapes of the first prediction, from small to large, by the sort of loss.
SHAPES: dict[str, tuple[Shape, ...]] = {
    "elementwise": tuple((n,) for n in (100, 1000, 10**4, 2**16, 2**18, 2**20, 2**22, 2**24, 2**26)),
    "row": ((10, 10), (100, 10), (1000, 10), (65536, 10), (4096, 1000), (512, 50257)),
    "vectors": ((8, 16), (64, 128), (1024, 128), (65536, 128)),
    "reduce": ((1, 2, 8, 8), (4, 4, 32, 32), (8, 4, 128, 128), (8, 4, 512, 512)),
    "sort": tuple((n,) for n in (100, 1000, 10**4, 2**16, 2**18, 2**20, 2**22)),
    "pairwise": ((16, 8), (128, 64), (1024, 128), (4096, 128)),
    "square": ((10, 10), (128, 128), (1024, 1024), (4096, 4096)),
    "recurrence": ((10, 2, 8), (50, 16, 32), (200, 32, 64), (500, 64, 128)),
}
SHAPES["composite"] = SHAPES["reduce"]
# Those among them that a run measures unless it is asked for all.
STANDARD: dict[str, tuple[Shape, ...]] = {
    "elementwise": ((1000,), (2**16,), (2**20,), (2**24,)),
    "row": SHAPES["row"][-3:],
    "vectors": SHAPES["vectors"][-2:],
    "reduce": SHAPES["reduce"][-2:],
    "composite": SHAPES["reduce"][-2:],
    "sort": ((1000,), (2**16,), (2**20,)),
    "pairwise": SHAPES["pairwise"][1:3],
    "square": SHAPES["square"][1:3],
    "recurrence": SHAPES["recurrence"][1:3],
}
# Standard deviation of normal numbers, if not 3: of rows of about length 1, and of their inner products.
_SPREAD: dict[str, Callable[[Shape], float]] = {
    "pairwise": lambda shape: shape[-1] ** -0.5,
    "square": lambda shape: 0.3,
}
# Numbers of a domain, from normal ones.
_FROM_NORMAL: dict[str, Callable[[Array], Array]] = {
    "real": lambda z: z,
    "positive": np.exp,
    "nonnegative": np.abs,
    "unit": lambda z: 1 / (1 + np.exp(-z)),
    "binary": lambda z: (z > 0).astype(z.dtype),
    "sign": lambda z: np.where(z > 0, z.dtype.type(1), z.dtype.type(-1)),
}


def sort_of(entry: Entry) -> str:
    """Return the key of the loss in `SHAPES`: its structure, finer where layouts differ."""
    if any(axis.equals for axis in entry.axes.values()):
        return "square"
    if entry.structure == "row" and entry.class_axis is None:
        return "vectors"
    return entry.structure


def make(entry: Entry, shape: Shape, dtype: str) -> dict[str, Array]:
    """Return the arguments of a call by name, always the same ones.

    Parameters
    ----------
    entry : Entry
        What the manifest says about the loss.
    shape : tuple of int
        Shape of the first prediction.
    dtype : str
        Of all that are not integers.
    """
    rng = np.random.default_rng(0)
    return {
        tensor.name: _array(tensor, entry, shape, np.dtype(dtype), rng)
        for tensor in entry.tensors
        if not tensor.optional or tensor.role == "length"
    }


def _array(
    tensor: Tensor, entry: Entry, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator
) -> Array:
    if tensor.is_float:
        spread = _SPREAD.get(sort_of(entry), lambda shape: 3.0)(shape)
        normal = spread * rng.standard_normal(shape, np.float64 if dtype == np.float64 else np.float32)
        domain = tensor.domain
        # Labels between 0 and 1 are 0 or 1 as a rule.
        if domain == "unit" and tensor.role != "pred":
            domain = "binary"
        return _FROM_NORMAL[domain](normal).astype(dtype)
    first = entry.predictions[0]
    places = {axis: int(entry.axes[axis].dims.rstrip(":")) % len(shape) for axis in first.axes}
    sizes = {axis: shape[place] for axis, place in places.items()}
    batch = tuple(size for dim, size in enumerate(shape) if dim not in places.values())
    if tensor.role == "class":
        return rng.integers(0, math.prod(sizes.values()), batch)
    # Labels are a fifth as many as steps, and class 0 is none of them: it often has another meaning.
    labels = sizes[first.axes[0]] // 5
    if tensor.role == "labels":
        return rng.integers(1, sizes[tensor.over or ""], (*batch, labels))
    return np.full(batch, sizes.get(tensor.over or "", labels), np.int64)
