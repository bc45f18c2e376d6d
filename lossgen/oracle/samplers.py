"""Inputs on which losses are judged, made from the declared domains, roles and axes alone.

``practical`` has magnitudes from 1e-3 to 30; ``full`` all normal exponents; ``near`` inputs close to each
other and to roots of value and gradient, where cancellation happens; ``edges`` zeros, subnormals and the ends
of the domain. Infinities are tested apart.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from lossgen.algebra.axes import Axis
from lossgen.algebra.tensors import Tensor
from lossgen.oracle.evaluate import Array, Case, Oracle
from lossgen.oracle.marks import marks
from lossgen.oracle.roots import toward_root
from lossgen.oracle.source import axes_of
from lossgen.spec.domains import Limit
from lossgen.spec.model import Loss, Parameter, Program, Sweep, Variant
from lossgen.spec.positions import least_extents

SAMPLERS = ("practical", "full", "near", "edges")
# Samples that share sizes and parameters and go into one call.
BATCH = 16
# Share of the largest number that inputs reach: differences, norms and quotients by usual scales are numbers.
_HEADROOM = 2.0**-12

# Values of a mark without a default.
_MARKS = (-100, -1, 255)

Random = np.random.Generator


@dataclass
class Batch:
    """Samples with equal axis sizes and equal parameters."""

    sampler: str
    sizes: dict[str, int]
    params: dict[str, Array]
    cases: list[Case]


def batches(
    loss: Loss,
    variant: Variant,
    oracle: Oracle,
    sampler: str,
    count: int,
    dtype: Any,
    seed: int,
    size: int | None = None,
) -> Iterator[Batch]:
    """Yield batches with `count` samples in all; equal arguments give equal samples.

    With `size` every axis has that extent, otherwise extents vary.
    """
    rng = np.random.default_rng([seed, SAMPLERS.index(sampler), np.dtype(dtype).itemsize])
    number = max(1, min(8, count // 4), -(-count // BATCH))
    for k in range(number):
        part = count // number + (k < count % number)
        maker = _Maker(loss, variant.program, oracle, sampler, np.dtype(dtype), rng, size)
        yield maker.batch(part, plain=k % 2 == 0)


class _Maker:
    def __init__(
        self,
        loss: Loss,
        program: Program,
        oracle: Oracle,
        sampler: str,
        dtype: np.dtype[Any],
        rng: Random,
        size: int | None,
    ) -> None:
        self.declared: Mapping[str, Parameter] = {p.name: p.other or p for p in loss.parameters}
        # What may be given besides a list of choices is tried around the numbers of that list.
        self.around = {p.name: _around(p.choices) for p in loss.parameters if p.other is not None}
        self.program, self.oracle, self.sampler, self.dtype, self.rng = program, oracle, sampler, dtype, rng
        self.sizes = self._sizes(size)

    def batch(self, count: int, plain: bool) -> Batch:
        params = {
            tensor.name: self._param(tensor, plain)
            for tensor in self.program.inputs
            if tensor.role in ("param", "per_class")
        }
        return Batch(self.sampler, self.sizes, params, [self._case(params) for _ in range(count)])

    # Sizes and parameters

    def _sizes(self, size: int | None) -> dict[str, int]:
        sizes: dict[str, int] = {}
        all_axes, least = axes_of(self.program), least_extents(self.program) if size is None else {}
        for axis in all_axes:
            if axis.extent is None:
                low, high = self._size_range(axis) if size is None else (size, size)
                sizes[axis.name] = max(int(self.rng.integers(low, high + 1)), least.get(axis.name, 0))
        for axis in all_axes:
            if axis.extent is not None:
                extent = axis.extent.xreplace({a: sp.Integer(sizes[a.name]) for a in axis.extent.atoms(Axis)})
                sizes[axis.name] = int(extent)
        return sizes

    def _size_range(self, axis: Axis) -> tuple[int, int]:
        over = {p.over.name: p.kind for p in self.declared.values() if p.over is not None}
        labels = {a.name for t in self.program.inputs if t.role == "labels" for a in t.axes}
        swept = {i.axis.name for s in self.program.stages if isinstance(s, Sweep) for i in s.indices}
        if axis.name in labels:
            return 1, 3
        if over.get(axis.name) in ("class", "labels", "position"):
            return 2, 7 if axis.name not in swept else 4
        if axis.name in swept:
            return 2, 5
        merged = ":" in axis.dims or "," in axis.dims
        return (4, 9) if merged else (2, 6)

    def _param(self, tensor: Tensor, plain: bool) -> Array:
        declared = self.declared.get(tensor.name)
        default = None if declared is None else declared.default
        shape = tuple(self.sizes[axis.name] for axis in tensor.axes)
        if tensor.dtype == "int":
            if declared is not None and declared.over is not None and not plain:
                return np.asarray(self.rng.integers(self.sizes[declared.over.name]))
            return np.asarray(self.rng.choice(_MARKS) if default is None else default, np.int64)
        if plain and isinstance(default, int | float):
            return np.full(shape, default, self.dtype)
        if tensor.name in self.around:
            low, high = self.around[tensor.name]
            return self._filled(shape, lambda: float(np.exp(self.rng.uniform(np.log(low), np.log(high)))))
        limit = None if declared is None else declared.limit
        return self._filled(shape, lambda: _parameter_value(self.rng, tensor.domain, limit))

    # Samples

    def _case(self, params: dict[str, Array]) -> Case:
        hard = bool(self.rng.integers(2))
        inputs: dict[str, Array] = {}
        for tensor in self.program.inputs:
            shape = tuple(self.sizes[axis.name] for axis in tensor.axes)
            if tensor.name in params:
                inputs[tensor.name] = params[tensor.name]
            elif tensor.dtype == "int":
                inputs[tensor.name] = self._integers(tensor, shape, params)
            else:
                numbers = self._filled(shape, functools.partial(self._number, tensor, hard))
                inputs[tensor.name] = self._marked(tensor, numbers, params)
        case = Case(inputs)
        return self._near(case) if self.sampler == "near" else case

    def _filled(self, shape: tuple[int, ...], draw: Callable[[], float]) -> Array:
        values = np.array([draw() for _ in range(int(np.prod(shape)))], np.float64).reshape(shape)
        largest = float(np.finfo(self.dtype).max) * _HEADROOM
        return np.clip(values, -largest, largest).astype(self.dtype)

    def _number(self, tensor: Tensor, hard: bool) -> float:
        domain = tensor.domain
        if domain == "binary" or (domain == "unit" and tensor.role == "target" and hard):
            return float(self.rng.integers(2))
        if domain == "sign":
            return float(self.rng.choice((-1.0, 1.0)))
        if self.sampler == "full":
            return _any_exponent(self.rng, domain, self.dtype)
        if self.sampler == "edges" and self.rng.random() < 0.5:
            return float(self.rng.choice(_edge_values(domain, self.dtype)))
        return _practical(self.rng, domain)

    def _integers(self, tensor: Tensor, shape: tuple[int, ...], params: Mapping[str, Array]) -> Array:
        over = self.declared[tensor.name].over
        assert over is not None
        size = self.sizes[over.name]
        if tensor.role == "length":
            labels = any(t.role == "labels" and over in t.axes for t in self.program.inputs)
            return np.asarray(self.rng.integers(0 if labels else 1, size + 1))
        return self._marked(tensor, np.asarray(self.rng.integers(0, size, shape), np.int64), params)

    def _marked(self, tensor: Tensor, values: Array, params: Mapping[str, Array]) -> Array:
        """Put in the value that marks what takes no part, where a formula compares the tensor with one."""
        mark = marks(self.program).get(tensor.name)
        if mark is None:
            return values
        chosen = self.rng.random(values.shape) < 1 / 8
        return np.asarray(np.where(chosen, params[mark], values), values.dtype)

    def _near(self, case: Case) -> Case:
        if self.rng.random() < 0.5:
            return toward_root(self.oracle, case, self.dtype, self.rng)
        floats = [t for t in self.program.inputs if t.role in ("pred", "target") and t.dtype == "float"]
        first = floats[0]
        inputs = dict(case.inputs)
        for tensor in floats:
            own = inputs[tensor.name]
            source = inputs[first.name] if own.shape == inputs[first.name].shape else own.flat[0]
            if tensor is first:
                source = own.flat[0]
            share = self.rng.integers(-3, 4, own.shape) * 2.0 ** -self.rng.integers(
                2, np.finfo(self.dtype).nmant + 1
            )
            close = np.asarray(source * (1 + share)).astype(self.dtype)
            chosen = (self.rng.random(own.shape) < 0.7) & _inside(close, tensor.domain)
            if tensor is not first or own.size > 1:
                inputs[tensor.name] = np.asarray(np.where(chosen, close, own), self.dtype)
        return Case(inputs)


def _around(choices: tuple[Any, ...]) -> tuple[float, float]:
    numbers = [abs(float(one)) for one in choices if isinstance(one, int | float)]
    return min(numbers) / 2, max(numbers) * 2


def _practical(rng: Random, domain: str) -> float:
    if domain == "unit":
        small = 10 ** rng.uniform(-6, -0.3)
        return float(rng.choice((rng.uniform(), small, 1 - small)))
    magnitude = 10 ** rng.uniform(-3, np.log10(30))
    return float(magnitude if domain in ("positive", "nonnegative") else magnitude * rng.choice((-1, 1)))


def _parameter_value(rng: Random, domain: str, limit: Limit | None) -> float:
    if domain == "unit":
        number = float(rng.uniform())
    else:
        magnitude = float(10 ** rng.uniform(-1.5, 0.7))
        number = magnitude if domain in ("positive", "nonnegative") else magnitude * rng.choice((-1, 1))
    if limit is None or limit.allows(number):
        return number
    top = float(limit.number)
    return top if limit.included else top - abs(top or 1.0) * float(rng.uniform(0.25, 0.75))


def _any_exponent(rng: Random, domain: str, dtype: np.dtype[Any]) -> float:
    info = np.finfo(dtype)
    if domain == "unit":
        small = 2.0 ** rng.uniform(info.minexp, 0)
        return float(rng.choice((small, 1 - 2.0 ** rng.uniform(-info.nmant, 0))))
    magnitude = 2.0 ** rng.uniform(info.minexp, info.maxexp - 12)
    return float(magnitude if domain in ("positive", "nonnegative") else magnitude * rng.choice((-1, 1)))


def _edge_values(domain: str, dtype: np.dtype[Any]) -> list[float]:
    info = np.finfo(dtype)
    least, normal, most, step = (
        float(v) for v in (info.smallest_subnormal, info.tiny, info.max * _HEADROOM, info.eps)
    )
    if domain == "unit":
        return [0.0, 1.0, least, normal, 1 - step / 2, 0.5]
    positive = [least, normal, step, 1.0, most]
    if domain == "positive":
        return positive
    if domain == "nonnegative":
        return [0.0, *positive]
    return [0.0, -0.0, *positive, *(-v for v in positive)]


def _inside(values: Array, domain: str) -> Array:
    if domain == "positive":
        return np.asarray(values > 0)
    if domain == "nonnegative":
        return np.asarray(values >= 0)
    if domain == "unit":
        return np.asarray((values >= 0) & (values <= 1))
    return np.isfinite(values) if domain == "real" else np.zeros(values.shape, bool)
