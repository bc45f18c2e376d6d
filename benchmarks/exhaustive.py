"""Vector mathematics judged over every float32, and over random float64 of all sizes.

The judge of float32 is NumPy in float64, whose own error is below a millionth of a float32 ulp; that of
float64 is NumPy's long double, which has to have more digits (x86).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numba
import numpy as np

from lossgen.runtime.vectormath import FUNCTIONS, power

_CHUNK = 2**22
# Functions that NumPy has for all numbers, and vector mathematics for some.
_PARTS = {"log1p_unit": (np.log1p, 0.0, 1.0)}
# Random float64 of each function: three chunks of all exponents, and three of everyday sizes.
_DOUBLE_CHUNKS = 6


@dataclass(frozen=True)
class Found:
    """The worst number of a function in one precision."""

    name: str
    dtype: str
    count: int
    worst_ulp: float
    at: Any
    wrong_kind: int  # numbers where one of the two is NaN and the other is not


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--only", metavar="TEXT", default="", help="functions whose name contains TEXT")
    parser.add_argument("--stride", type=int, default=1, help="every how-manieth float32 (1: all)")


def run(given: argparse.Namespace) -> int:
    """Print the worst number of each function and precision."""
    print(f"{'':<11}{'':<9}{'numbers':>12}{'worst ulp':>11}  {'at':<44}NaN for a number, or the reverse")
    for one in measured(given.only, given.stride):
        row = f"{one.name:<11}{one.dtype:<9}{one.count:>12}{one.worst_ulp:>11.3f}  {one.at!r:<44}"
        print(f"{row}{one.wrong_kind}", flush=True)
    return 0


def measured(only: str, stride: int) -> Iterator[Found]:
    """Judge each function whose name contains `only`, on every `stride`-th float32."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for name in FUNCTIONS:
            if only in name:
                singles = [(name, start, stride) for start in range(0, 2**32, _CHUNK * stride)]
                yield _together(list(pool.map(_single, singles)))
                yield _together(list(pool.map(_double, [(name, k) for k in range(_DOUBLE_CHUNKS)])))
        if only in "power":
            for dtype in (np.float32, np.float64):
                yield _together(list(pool.map(_powers, [(dtype, k) for k in range(_DOUBLE_CHUNKS)])))


def _together(found: list[Found]) -> Found:
    worst = max(found, key=lambda one: one.worst_ulp)
    return Found(
        worst.name,
        worst.dtype,
        sum(one.count for one in found),
        worst.worst_ulp,
        worst.at,
        sum(one.wrong_kind for one in found),
    )


def _single(task: tuple[str, int, int]) -> Found:
    name, start, stride = task
    bits = np.arange(start, min(start + _CHUNK * stride, 2**32), stride, dtype=np.uint64).astype(np.uint32)
    return judged(name, bits.view(np.float32), np.float64)


def _double(task: tuple[str, int]) -> Found:
    name, seed = task
    rng = np.random.default_rng(seed)
    if seed % 2:
        size = np.exp2(rng.uniform(-60, 10, _CHUNK))
        points = np.where(rng.random(_CHUNK) < 0.5, -size, size)
    else:
        points = rng.integers(0, 2**64, _CHUNK, dtype=np.uint64).view(np.float64)
    return judged(name, points, np.longdouble)


def _powers(task: tuple[Any, int]) -> Found:
    dtype, seed = task
    return judged("power", power_points(dtype, np.random.default_rng(seed), _CHUNK), np.longdouble)


def power_points(dtype: Any, rng: np.random.Generator, count: int) -> np.ndarray:
    """Return bases and exponents, as columns: everyday ones, bases near 1, and results of all sizes."""
    info = np.finfo(dtype)
    third = count // 3
    near = 1 + rng.uniform(-0.3, 0.3, third)
    wide = np.exp2(rng.uniform(info.minexp, info.maxexp, third))
    log_of_result = rng.uniform(1.05 * info.minexp, 1.02 * info.maxexp, third)
    bases = np.concatenate([np.exp2(rng.uniform(-3, 3, third)), near, wide])
    exponents = [rng.uniform(-9, 9, third), rng.uniform(-300, 300, third), log_of_result / np.log2(wide)]
    return np.stack([bases, np.concatenate(exponents)], axis=1).astype(dtype)


def judged(name: str, points: np.ndarray, wide: Any) -> Found:
    """Compare a function with NumPy's in a wider type; points of two numbers are rows."""
    function, low, high = _PARTS.get(name) or (getattr(np, name), -np.inf, np.inf)
    if name in _PARTS:
        points = points[~((points < low) | (points > high))]
    columns = points.T if points.ndim == 2 else points[np.newaxis]
    out = np.empty_like(columns[0])
    over(name)(*columns, out)
    with np.errstate(all="ignore"):
        truth = function(*columns.astype(wide))
        rounded = truth.astype(points.dtype)
        # An overflow counts as the power of two beyond the largest number.
        top = wide(2) ** (1024 if points.dtype == np.float64 else 128)
        error = np.abs(_capped(out.astype(wide), top) - _capped(truth, top))
        ulp = error / np.spacing(np.minimum(np.abs(rounded), np.finfo(points.dtype).max)).astype(wide)
    wrong = np.isnan(out) != np.isnan(rounded)
    ulp[np.isnan(ulp)] = 0
    if not ulp.size:
        return Found(name, points.dtype.name, 0, 0.0, math.nan, 0)
    at = int(np.argmax(ulp))
    return Found(name, points.dtype.name, out.size, float(ulp[at]), points[at].tolist(), int(wrong.sum()))


def _capped(numbers: np.ndarray, top: Any) -> np.ndarray:
    return np.clip(numbers, -top, top)


def over(name: str) -> Any:
    """Return a compiled loop of a function over an array."""
    if name not in _COMPILED:
        _COMPILED[name] = _over_two(power) if name == "power" else _over_one(FUNCTIONS[name])
    return _COMPILED[name]


def _over_one(function: Any) -> Any:
    @numba.njit(error_model="numpy")
    def run(points: Any, out: Any) -> None:
        for i in range(points.shape[0]):
            out[i] = function(points[i])

    return run


def _over_two(function: Any) -> Any:
    @numba.njit(error_model="numpy")
    def run(first: Any, second: Any, out: Any) -> None:
        for i in range(first.shape[0]):
            out[i] = function(first[i], second[i])

    return run


_COMPILED: dict[str, Any] = {}
