"""What there is to test, found in the declarations and the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import lossgen.losses
from lossgen.oracle.arrange import Arrangement
from lossgen.oracle.evaluate import Case, Oracle, Request, sizes_of
from lossgen.oracle.samplers import batches
from lossgen.spec.model import Loss, Variant
from tests import shipped
from tests.shipped import LOSSES

UNSEEN = Path(__file__).parent / "unseen"
# Compiling is what takes the time: variants other than the default meet the exact expression and torch in the
# default tier, and everything else in the full one.
VARIANTS = [
    pytest.param(*param.values, id=param.id, marks=[pytest.mark.full] if param.values[1].suffix else [])
    for param in shipped.VARIANTS
]


def beside(param: Any, value: Any, name: str) -> Any:
    """Return the parameters of a test with one more."""
    return pytest.param(*param.values, value, id=f"{param.id}-{name}", marks=param.marks)


TYPED = [beside(param, dtype, dtype.__name__) for param in VARIANTS for dtype in (np.float32, np.float64)]
BATCHED = [param for param in VARIANTS if Arrangement(*param.values).batched]
SINGLE_TERM = [param for param in VARIANTS if len(param.values[1].program.terms) == 1]
DEFAULTS = [pytest.param(loss, loss.variants[0], id=loss.name) for loss in LOSSES]


@dataclass
class Subject:
    """A loss with samples for one call."""

    loss: Loss
    variant: Variant
    function: Any
    oracle: Oracle
    arrangement: Arrangement
    cases: list[Case]

    @property
    def given(self) -> dict[str, Any]:
        """The keyword arguments of a call on all samples."""
        return self.arrangement.arrays(self.cases)

    @property
    def predictions(self) -> list[str]:
        return [tensor.name for tensor in self.variant.program.predictions]

    @property
    def has_values(self) -> bool:
        return "values" in self._kinds

    @property
    def has_hessian(self) -> bool:
        return "hessian" in self._kinds

    @property
    def _kinds(self) -> Any:
        return next(v.kinds for v in self.function.entry.variants if v.suffix == self.variant.suffix)

    def of(self, cases: Sequence[Case]) -> dict[str, Any]:
        """Return the keyword arguments of a call on some samples."""
        return self.arrangement.arrays(cases)

    def gradients(self, given: dict[str, Any], **options: Any) -> list[np.ndarray]:
        """Return the gradients by each prediction."""
        return as_list(self.function.grad(**given, **options))


def subject(
    loss: Loss,
    variant: Variant,
    dtype: Any = np.float64,
    count: int = 6,
    seed: int = 0,
    size: int | None = None,
    sampler: str = "practical",
    package: Any = lossgen.losses,
) -> Subject:
    """Return a loss with samples that share their parameters; one sample where the axes leave no batch."""
    oracle, arrangement = Oracle(variant.program), Arrangement(loss, variant)
    cases: list[Case] = []
    for batch in batches(loss, variant, oracle, sampler, 4 * count, dtype, seed, size):
        finite = [c for c in batch.cases if np.isfinite(float(oracle.truth(c, Request("value"))))]
        cases = finite[: count if arrangement.batched else 1]
        if len(cases) == (count if arrangement.batched else 1):
            break
    return Subject(loss, variant, package.all()[loss.name], oracle, arrangement, cases)


def exact(it: Subject, cases: Sequence[Case], reduction: str, weight: Sequence[float] | None = None) -> float:
    """Return the reduced loss of some samples, with weights, by the oracle: each term by its own rule, then
    the values added.
    """
    weights = [1.0] * len(cases) if weight is None else weight
    program, result = it.variant.program, np.float64(0)
    for term in program.terms:
        alone = Oracle(replace(program, terms=(replace(term, coefficient=sp.S.One),)))
        above, below = np.float64(0), np.float64(0)
        divides = term.mean_weighted or reduction == "weighted_mean"
        for case, w in zip(cases, weights, strict=True):
            for item, parts in alone.divisor(case)[0].items():
                if parts is not None:
                    scale = parts[1] if reduction == "mean" else 1.0
                    above += w * scale * float(alone.truth(case, Request("value", item=item)))
                    below += parts[0] * (w if divides else 1.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            result += float(term.coefficient) * (above if reduction == "sum" else above / below)
    return float(result)


def as_list(result: Any) -> list[np.ndarray]:
    """Return one array per prediction."""
    return list(result) if isinstance(result, tuple) else [result]


def per_sample(subject: Subject, values: Any) -> np.ndarray:
    """Return unreduced values as (samples, items)."""
    term = subject.variant.program.terms[0]
    items = [index.axis.name for index in term.items]
    sizes = sizes_of(subject.variant.program, subject.cases[0])
    shape = tuple(sizes[item] for item in items)
    return subject.arrangement.split_values(values, items, shape).reshape(len(subject.cases), -1)
