"""Samples close to a root of the value or of a gradient, where relative errors are largest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lossgen.algebra.tensors import Tensor
from lossgen.oracle.evaluate import Case, Oracle, Place, Request

_STEPS = 12


def toward_root(oracle: Oracle, case: Case, dtype: np.dtype[Any], rng: np.random.Generator) -> Case:
    """Return the sample with one entry moved to a root by Newton's method, then by a few ulp.

    It is unchanged if there is no root in reach.
    """
    tensors = [t for t in oracle.program.inputs if t.role in ("pred", "target") and t.dtype == "float"]
    free = [t for t in tensors if t.domain not in ("binary", "sign")]
    tensor = free[rng.integers(len(free))]
    place = _any_place(tensor, case, rng)
    predictions = [t for t in tensors if t.role == "pred"]
    by = _any_place(predictions[rng.integers(len(predictions))], case, rng) if rng.random() < 0.7 else None
    start = value = float(case.inputs[tensor.name][place[1]])
    moved = case
    for _ in range(_STEPS):
        level, slope = _level_and_slope(oracle, moved, place, by)
        if not (math.isfinite(level) and math.isfinite(slope)) or slope == 0 or level == 0:
            break
        value = _clipped(value - level / slope, tensor.domain)
        if not math.isfinite(value) or abs(value) > 1e3 * max(1.0, abs(start)):
            return case
        moved = case.moved(place, dtype.type(value))
    steps = int(rng.integers(-3, 4)) * 2 ** int(rng.integers(0, 6))
    rounded = dtype.type(value)
    final = _clipped(float(rounded + steps * np.spacing(rounded)), tensor.domain)
    return case.moved(place, dtype.type(final))


def _any_place(tensor: Tensor, case: Case, rng: np.random.Generator) -> Place:
    shape = case.inputs[tensor.name].shape
    return tensor.name, tuple(int(rng.integers(size)) for size in shape)


def _level_and_slope(oracle: Oracle, case: Case, place: Place, by: Place | None) -> tuple[float, float]:
    if by is None:
        requests = (Request("value"), Request("gradient", place))
    else:
        requests = (Request("gradient", by), Request("hvp", by, tangent=((place, 1),)))
    level, slope = (float(oracle.truth(case, request)) for request in requests)
    return level, slope


def _clipped(value: float, domain: str) -> float:
    if domain == "unit":
        return min(max(value, 0.0), 1.0)
    if domain in ("positive", "nonnegative"):
        return max(value, 1e-30)
    return value
