"""Random points of the declared domains."""

from __future__ import annotations

import random
from typing import Any

import sympy as sp

from lossgen.algebra.axes import Axis
from lossgen.algebra.tensors import Tensor

EXTENT = 4


def magnitude(source: random.Random) -> float:
    """Return a positive number, log-uniform from 1e-3 to 30."""
    return float(10 ** source.uniform(-3, 1.5))


def entry(tensor: Tensor, source: random.Random) -> Any:
    """Return one number of the tensor's domain."""
    if tensor.dtype == "int":
        return source.randrange(EXTENT)
    match tensor.domain:
        case "positive" | "nonnegative":
            return magnitude(source)
        case "unit":
            return source.uniform(1e-3, 1 - 1e-3)
        case "binary":
            return float(source.randrange(2))
        case "sign":
            return source.choice((-1.0, 1.0))
    return source.choice((-1, 1)) * magnitude(source)


def point(expr: sp.Basic, source: random.Random) -> dict[str, Any]:
    """Return values for every tensor and axis that occurs in `expr`."""
    values: dict[str, Any] = {axis.name: EXTENT for axis in sorted(expr.atoms(Axis), key=str)}
    for tensor in sorted(expr.atoms(Tensor), key=str):
        values |= {axis.name: EXTENT for axis in tensor.axes}
        values[tensor.name] = _fill(tensor, len(tensor.axes), source)
    return values


def _fill(tensor: Tensor, depth: int, source: random.Random) -> Any:
    if not depth:
        return entry(tensor, source)
    return [_fill(tensor, depth - 1, source) for _ in range(EXTENT)]
