"""Samples on which forms of a kernel are compared, with the exact results and the judge's verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, ctx

from lossgen.lower import ir
from lossgen.oracle.evaluate import Case, Oracle, Request, Truth
from lossgen.oracle.judge import BOUNDS, WIDER, judge
from lossgen.oracle.samplers import SAMPLERS, batches
from lossgen.search.functions import Array
from lossgen.spec.model import Loss, Variant

__all__ = ["DTYPES", "Output", "Points", "Score", "outputs"]

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
# What is no number, and goes into kernels one by one.
_BEYOND = (math.nan, math.inf, -math.inf)
# What the beginning of an output's name says of it.
_KINDS = {"grad": "gradient", "hess": "hessian", "hv": "hvp"}
# Bits of a number that is wrong altogether: NaN, or an infinity or 0 instead of a number.
_LOST = 64.0
# An error not much smaller than one that failed is not judged: that takes longer than all the rest.
_ALIKE = 8.0


@dataclass(frozen=True)
class Output:
    """A number that a kernel computes for a sample: its name there, and what the oracle calls it."""

    name: str
    kind: str
    tensor: str | None


def outputs(kind: str, kernel: ir.Function) -> Iterator[Output]:
    """Yield the numbers that a kernel without arrays computes, and that the oracle knows exactly."""
    if kernel.numerators:
        yield Output("result0", "value", None)
    for name in kernel.scalar_outputs:
        beginning, _, tensor = name.partition("_")
        if name == "out":
            yield Output(name, "value", None)
        elif beginning == "hess" and kind != "hessian":
            if kind == "irls":  # of an upper bound there are many
                yield Output(name, kind, tensor)
        elif beginning in _KINDS:
            yield Output(name, _KINDS[beginning], tensor)


@dataclass(frozen=True, order=True)
class Score:
    """How good a form is; smaller is better.

    Attributes
    ----------
    failed : int
        Numbers that fail the rule of `lossgen.oracle.judge`, of both precisions.
    bits : float
        Mean of the bits that are wrong, ``log2(1 + ulp)``, rounded to a tenth.
    cost : int
        What it costs to compute.
    of : int
        Numbers that were judged.
    """

    failed: int
    bits: float
    cost: int
    of: int


class _Samples:
    """The samples of one precision and one number asked for: exact results, errors that passed and failed."""

    def __init__(
        self, cases: Sequence[Case], truths: Sequence[Truth], bounds: Sequence[float], dtype: Any
    ) -> None:
        self.cases, self.dtype, self.bounds = cases, dtype, np.array(bounds)
        info = np.finfo(dtype)
        self.middle = np.array([_middle(truth) for truth in truths])
        self.plain = (abs(self.middle) >= info.tiny) & (abs(self.middle) <= info.max)
        exponents = np.frexp(np.where(self.plain, abs(self.middle), 1))[1] - 1 - info.nmant
        self.ulp = np.ldexp(np.longdouble(1), exponents)
        self.passed = self.bounds.copy()
        self.failed = np.full(len(cases), math.inf)
        self.seen: dict[tuple[int, str], bool] = {}


def _middle(truth: Truth) -> Any:
    """Return an exact result to the digits of a long double, NaN where there is none."""
    if truth.ball is None or not truth.ball.is_finite():
        return np.longdouble(math.nan)
    with ctx.workprec(256):
        first = float(truth.ball.mid())
        if not math.isfinite(first):
            return np.longdouble(math.nan)
        return np.longdouble(first) + np.longdouble(float(truth.ball.mid() - arb(first)))


class Points:
    """Samples of a variant in both precisions.

    Parameters
    ----------
    loss, variant : Loss, Variant
        What is sampled.
    oracle : Oracle
        Its judge.
    count, seed : int
        Samples of each kind, and which.
    """

    def __init__(self, loss: Loss, variant: Variant, oracle: Oracle, count: int, seed: int) -> None:
        self.oracle = oracle
        self.predictions = [tensor.name for tensor in variant.program.predictions]
        self.cases: dict[np.dtype[Any], list[tuple[str, Case]]] = {
            dtype: [
                (sampler, case)
                for sampler in SAMPLERS
                for batch in batches(loss, variant, oracle, sampler, count, dtype, seed)
                for case in batch.cases
            ]
            for dtype in DTYPES
        }
        self._samples: dict[tuple[str, str | None, np.dtype[Any]], _Samples] = {}

    def inputs(self, arguments: Iterable[ir.Argument], dtype: np.dtype[Any]) -> dict[str, Array]:
        """Return arguments of kernels at all samples, weights, scales and tangents 1; and then at the first
        sample with one of the numbers NaN or infinite, each in turn.
        """
        cases = [case for _, case in self.cases[dtype]]
        found = {
            argument.name: np.array([case.inputs[argument.name] for case in cases])
            if argument.name in cases[0].inputs
            else np.ones(len(cases), dtype)
            for argument in arguments
        }
        # A weight or scale is never infinite.
        numbers = [name for name in cases[0].inputs if name in found and found[name].dtype.kind == "f"]
        beyond = [(name, value) for name in numbers for value in _BEYOND]
        for name, array in found.items():
            more = [value if name == other else array[0] for other, value in beyond]
            found[name] = np.concatenate([array, np.array(more, array.dtype)])
        return found

    def agree_beyond(self, old: Mapping[np.dtype[Any], Array], new: Mapping[np.dtype[Any], Array]) -> bool:
        """Whether a form is NaN where NaN goes into another one and comes out, and equal for infinities."""
        for dtype, cases in self.cases.items():
            first, second = (found[dtype][len(cases) :] for found in (old, new))
            went_in = np.arange(len(first)) % len(_BEYOND) == 0
            same = np.isclose(first, second, rtol=1e-3, atol=0, equal_nan=True)
            if not np.all(same | (np.isnan(first) & ~went_in)):
                return False
        return True

    def score(self, output: Output, found: Mapping[np.dtype[Any], Array], cost: int) -> Score:
        """Return how good the numbers are that a form computes at all samples in each precision."""
        failed, bits, count = 0, 0.0, 0
        for dtype, array in found.items():
            samples = self._of(output, dtype)
            wrong, ulps = self._judged(output, samples, array[: len(samples.cases)])
            failed += int(wrong.sum())
            bits += float(np.where(np.isnan(ulps), _LOST, np.minimum(np.log2(1 + ulps), _LOST)).sum())
            count += len(wrong)
        return Score(failed, round(bits / count, 1), cost, count)

    def _of(self, output: Output, dtype: np.dtype[Any]) -> _Samples:
        key = (output.kind, output.tensor, dtype)
        if key not in self._samples:
            cases = [case for _, case in self.cases[dtype]]
            request = self._request(output)
            truths = [self.oracle.truth(case, request, dtype) for case in cases]
            bounds = [
                (BOUNDS if name == "practical" else WIDER)[output.kind] for name, _ in self.cases[dtype]
            ]
            self._samples[key] = _Samples(cases, truths, bounds, dtype)
        return self._samples[key]

    def _request(self, output: Output) -> Request:
        if output.tensor is None:
            return Request("value", item=())
        tangent = tuple(((name, ()), 1.0) for name in self.predictions) if output.kind == "hvp" else ()
        return Request(output.kind, (output.tensor, ()), tangent=tangent)

    def _judged(self, output: Output, samples: _Samples, array: Array) -> tuple[Array, Array]:
        """Return which numbers fail, and their distances in ulp, NaN where there is no distance."""
        plain = samples.plain & np.isfinite(array) & (array != 0)
        with np.errstate(all="ignore"):
            ulps = (abs(array.astype(np.longdouble) - samples.middle) / samples.ulp).astype(np.float64)
        wrong = plain & (ulps >= samples.failed / _ALIKE)
        for k in np.flatnonzero(~plain | ((ulps > samples.passed) & ~wrong)):
            wrong[k] = not self._asked(output, samples, int(k), array[k])
            if plain[k] and wrong[k]:
                samples.failed[k] = min(samples.failed[k], ulps[k])
            elif plain[k]:
                samples.passed[k] = max(samples.passed[k], ulps[k])
            else:
                ulps[k] = math.nan if wrong[k] else 0.0
        return wrong, ulps

    def _asked(self, output: Output, samples: _Samples, k: int, got: Any) -> bool:
        key = (k, repr(float(got)))
        if key not in samples.seen:
            bound = float(samples.bounds[k])
            verdict = judge(self.oracle, samples.cases[k], self._request(output), got, samples.dtype, bound)
            samples.seen[key] = verdict.passed or verdict.reason == "uncertified"
        return samples.seen[key]
