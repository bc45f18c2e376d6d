"""The marks that speed on the CPU is held to, and what was measured: figures for 4 cores with AVX-512."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cases import BINARY, CLASSES, GRADIENT, HESSIAN, Case
from benchmarks.contestants import ALL, FLOOR, FRAMEWORKS, OURS
from benchmarks.inputs import Shape
from benchmarks.timing import Result

MILLION, LARGE = (2**20,), (2**24,)
# A ratio of each loss that the mark is about.
Ratios = list[tuple[str, float]]


class Results:
    """Results by what was measured.

    Parameters
    ----------
    results : sequence of Result
        In the order of the run.
    cliffs : mapping of str to float
        How many times as long awkward calls take.
    """

    def __init__(self, results: Sequence[Result], cliffs: Mapping[str, float] | None = None) -> None:
        self.all = list(results)
        self.cliffs = dict(cliffs or {})
        self._found = {(result.case, result.condition): result for result in results}

    def find(self, case: Case, condition: str = "quiet") -> Result | None:
        """Return one; None where it was not measured."""
        return self._found.get((case, condition))


def fastest(result: Result, rivals: Sequence[str] = FRAMEWORKS) -> tuple[str, float] | None:
    """Return the rival with the least median; None where there is none."""
    medians = [(name, result.median(name)) for name in rivals if name in result.seconds]
    return min(medians, key=lambda one: one[1], default=None)


def lead(result: Result, rivals: Sequence[str] = FRAMEWORKS, ours: str = OURS) -> float | None:
    """Return how many times as long as ours the fastest rival takes."""
    best = fastest(result, rivals)
    return None if best is None or ours not in result.seconds else best[1] / result.median(ours)


@dataclass(frozen=True)
class Mark:
    """What is asked for, and how it is measured.

    Attributes
    ----------
    text : str
        What is measured.
    bound : float
        What it should be at least, or at most.
    measured : callable
        Gives the figures by name; none where nothing was measured.
    at_most : bool
        The bound lies above.
    """

    text: str
    bound: float
    measured: Callable[[Results], Ratios]
    at_most: bool = False

    def met(self, value: float) -> bool:
        """Whether a figure is as it should be."""
        return value <= self.bound if self.at_most else value >= self.bound


def _one(
    loss: str,
    shape: Shape,
    rivals: Sequence[str],
    output: str = GRADIENT,
    ours: str = OURS,
    dtype: str = "float32",
) -> Callable[[Results], Ratios]:
    def measured(results: Results) -> Ratios:
        result = results.find(Case(loss, shape, output, dtype))
        ratio = result and lead(result, rivals, ours)
        return [] if ratio is None else [(loss, ratio)]

    return measured


def _every(rivals: Sequence[str], shapes: Sequence[Shape] | None) -> Callable[[Results], Ratios]:
    """Gradients in float32 of all losses; with shapes, of the elementwise ones at these."""

    def measured(results: Results) -> Ratios:
        found = []
        for result in results.all:
            case = result.case
            wanted = shapes is None or (case.shape in shapes and case.entry.structure == "elementwise")
            plain = (case.output, case.dtype, result.condition) == (GRADIENT, "float32", "quiet")
            if wanted and plain and (ratio := lead(result, rivals)) is not None:
                found.append((f"{case.loss} {case.size}", ratio))
        return found

    return measured


def _late(loss: str, shape: Shape) -> Callable[[Results], Ratios]:
    def measured(results: Results) -> Ratios:
        case = Case(loss, shape)
        quiet, busy = results.find(case), results.find(case, "busy core")
        return [(loss, busy.late(OURS) / quiet.median(OURS))] if quiet and busy else []

    return measured


def growth(results: Results, loss: str = BINARY) -> Iterator[tuple[str, float]]:
    """Yield how much longer an element takes than at the next smaller size, over how much longer it takes
    memory, from 2¹⁶ on.
    """
    series = [
        result
        for result in results.all
        if (result.case.loss, result.case.output, result.case.dtype) == (loss, GRADIENT, "float32")
        and result.condition == "quiet"
        and result.case.shape[0] >= 2**16
    ]
    for small, large in itertools.pairwise(series):
        ours, floor = (large.median(name) / small.median(name) for name in (OURS, FLOOR))
        yield (
            f"{small.case.size} to {large.case.size}",
            ours / max(floor, large.case.shape[0] / small.case.shape[0]),
        )


MARKS = (
    Mark("bce_with_logits 2²⁴: share of memory's speed", 0.8, _one(BINARY, LARGE, [FLOOR])),
    Mark("bce_with_logits 2²⁴: fastest framework", 4, _one(BINARY, LARGE, FRAMEWORKS)),
    Mark("bce_with_logits 2²⁰: fastest framework", 2.5, _one(BINARY, MILLION, FRAMEWORKS)),
    Mark(
        "bce_with_logits 2²⁰, all threads: fastest framework", 4, _one(BINARY, MILLION, FRAMEWORKS, ours=ALL)
    ),
    Mark(
        "bce_with_logits 2²⁰ float64, all threads: fastest framework",
        2.5,
        _one(BINARY, MILLION, FRAMEWORKS, ours=ALL, dtype="float64"),
    ),
    Mark("bce_with_logits 1000: torch eager", 8, _one(BINARY, (1000,), ["torch eager"])),
    Mark(
        "bce_with_logits 2²⁰, one core busy: 95th percentile over quiet median",
        3,
        _late(BINARY, MILLION),
        True,
    ),
    Mark("cross_entropy 65536×10: fastest framework", 2, _one(CLASSES, (65536, 10), FRAMEWORKS)),
    Mark("cross_entropy 4096×1000: fastest framework", 4, _one(CLASSES, (4096, 1000), FRAMEWORKS)),
    Mark("cross_entropy 512×50257: fastest framework", 4, _one(CLASSES, (512, 50257), FRAMEWORKS)),
    Mark("cross_entropy 512×50257: share of memory's speed", 0.8, _one(CLASSES, (512, 50257), [FLOOR])),
    Mark(
        "grad_and_hess of bce_with_logits 2²⁰ float64, all threads: scikit-learn",
        4,
        _one(BINARY, MILLION, ["scikit-learn"], HESSIAN, ALL, "float64"),
    ),
    Mark("every elementwise loss at 2²⁰ and 2²⁴: fastest framework", 2, _every(FRAMEWORKS, (MILLION, LARGE))),
    Mark("every loss at every size of the table: fastest framework", 0.9, _every(FRAMEWORKS, None)),
    Mark(
        "bce_with_logits from 2¹⁶ to 2²⁶: growth of time beyond that of elements or memory",
        1.5,
        lambda results: list(growth(results)),
        True,
    ),
    Mark(
        "sizes beside powers of two, offsets, strides, more threads: how many times as long",
        1.5,
        lambda results: list(results.cliffs.items()),
        True,
    ),
)
