"""Shares of numbers of a shipped loss that fail the pass rule, each contestant at the same points.

Judged are value and gradient by the predictions of the default variant, with its parameters at their
defaults, since not everybody has them all.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import lossgen.losses
from benchmarks.peers.library import Absent, Library, Optax, Sklearn, Torch
from benchmarks.peers.program import Naive, Traced
from lossgen.oracle.evaluate import Case, Request, sizes_of
from lossgen.oracle.samplers import SAMPLERS, Batch, batches
from lossgen.oracle.verify import Probe
from lossgen.oracle.weights import oracle as knowing_most
from lossgen.spec.model import Loss, Variant

OURS = "lossgen"
DTYPES = (np.float32, np.float64)


class Shipped(Library):
    """A loss of lossgen."""

    def __init__(self, loss: Loss, variant: Variant) -> None:
        super().__init__(loss, variant)
        self.function = lossgen.losses.all()[loss.name]
        built = next(v for v in self.function.entry.variants if v.suffix == variant.suffix)
        self.unreduced = "values" in built.kinds

    def named(self, loss: Loss) -> str:
        return loss.name

    def value(self, given: Mapping[str, Any]) -> Any:
        return self.function(**given, reduction="none" if self.unreduced else "sum")

    def slope(self, given: Mapping[str, Any], name: str) -> Any:
        return self.function.grad(**given, reduction="sum", wrt=name)


CONTESTANTS: dict[str, tuple[str, Callable[[Loss, Variant], Any]]] = {
    OURS: ("numpy", Shipped),
    "naive": ("numpy", Naive),
    "jax": ("jax", Traced),
    "torch": ("torch", Torch),
    "optax": ("optax", Optax),
    "sklearn": ("sklearn", Sklearn),
}


class _Beside(Probe):
    """Judges what a contestant computes."""

    contestant: Any = None

    def measure(self, batch: Batch) -> None:
        whole = not self.has_values
        step = len(batch.cases) if self.arrangement.batched and not whole else 1
        for start in range(0, len(batch.cases), step):
            cases = batch.cases[start : start + step]
            given = self.arrangement.arrays(cases)
            values = self.contestant.values(cases, given, whole)
            for case, row in zip(cases, values, strict=True):
                self._value(batch.sampler, case, row, whole)
            for tensor in self.variant.program.predictions:
                rows = self.contestant.gradients(cases, given, tensor.name)
                for case, row in zip(cases, rows, strict=True):
                    for place in self.some(case.inputs[tensor.name].shape):
                        request = Request("gradient", (tensor.name, place))
                        self.judge(f"gradient {tensor.name}", batch.sampler, case, request, row[place])

    def _value(self, sampler: str, case: Case, row: Any, whole: bool) -> None:
        if whole:
            self.judge("value", sampler, case, Request("value"), row)
            return
        items = [index.axis.name for index in self.variant.program.terms[0].items]
        sizes = sizes_of(self.variant.program, case)
        for item in self.some(tuple(sizes[name] for name in items)):
            self.judge("value", sampler, case, Request("value", item=item), row[item])


def available() -> list[str]:
    """Return the contestants that are installed."""
    return [name for name, (package, _) in CONTESTANTS.items() if importlib.util.find_spec(package)]


def shares(loss: Loss, points: int, seed: int = 0) -> dict[str, dict[str, float] | None]:
    """Return each contestant's share of failing numbers by output and precision; None where it has no such
    loss.
    """
    variant = loss.variants[0]
    oracle = knowing_most(variant.program)
    samples = {dtype: list(_samples(loss, variant, oracle, points, dtype, seed)) for dtype in DTYPES}
    function = lossgen.losses.all()[loss.name]
    found: dict[str, dict[str, float] | None] = {}
    for name in available():
        try:
            contestant = CONTESTANTS[name][1](loss, variant)
        except Absent:
            found[name] = None
            continue
        rows = []
        for dtype, some in samples.items():
            rng = np.random.default_rng(seed)
            probe = _Beside(loss, variant, function, oracle, np.dtype(dtype), rng)
            probe.contestant = contestant
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for batch in some:
                    probe.measure(batch)
            rows += probe.rows.values()
        found[name] = {f"{row.output}/{row.dtype}": row.failed / row.points for row in rows}
    return found


def _samples(
    loss: Loss, variant: Variant, oracle: Any, points: int, dtype: Any, seed: int
) -> Sequence[Batch]:
    return [
        batch
        for sampler in SAMPLERS
        for batch in batches(loss, variant, oracle, sampler, points, dtype, seed)
        if _plain(loss, batch)
    ]


def _plain(loss: Loss, batch: Batch) -> bool:
    defaults = {p.name: p.default for p in loss.parameters}
    return all(
        not isinstance(defaults.get(name), int | float)
        or np.array_equal(value, np.full_like(value, defaults[name]))
        for name, value in batch.params.items()
    )
