"""Which reductions there are, and what each divides by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lossgen.errors import LossValueError
from lossgen.runtime.arrays import Array
from lossgen.runtime.bind import did_you_mean
from lossgen.runtime.manifest import Variant
from lossgen.runtime.tensors import Tensors

__all__ = ["REDUCTIONS", "check_reduction", "counted_denominators"]

REDUCTIONS = ("none", "mean", "sum", "weighted_mean", "batchmean")


def check_reduction(reduction: Any) -> str:
    """Return the reduction if it is one."""
    if type(reduction) is str and reduction in REDUCTIONS:
        return reduction
    raise LossValueError(f"reduction={reduction!r} does not exist{did_you_mean(reduction, list(REDUCTIONS))}")


def counted_denominators(
    variant: Variant, tensors: Tensors, by_weight: Sequence[bool], weight: Array, mask: Array
) -> list[float]:
    """Return the divisor of the mean of each term for a loss without a prepass.

    Parameters
    ----------
    variant, tensors
        What is reduced.
    by_weight : sequence of bool
        For each term, whether the sum of its weights divides, or the number of its items.
    weight : ndarray
        The weight in kernel form.
    mask : ndarray
        Samples that are kept.
    """
    samples = tensors.samples if mask.size == 1 and mask[0] else int(np.count_nonzero(mask))
    divisors = []
    for axes, weighted in zip(variant.term_items, by_weight, strict=True):
        total = float(samples)
        if weighted and weight.size == 1:
            total *= float(weight.flat[0])
        elif weighted:
            total = float(np.sum(weight if mask.size == 1 else weight[mask], dtype=np.float64))
        # The weight of an item may be its own, or that of its sample.
        if not (weighted and variant.item_axes and weight.size > 1):
            total *= math.prod(tensors.sizes[axis] for axis in axes)
        divisors.append(total)
    return divisors
