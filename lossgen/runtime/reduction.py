"""Which reductions there are, and what each divides by."""

from __future__ import annotations

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
    variant: Variant, tensors: Tensors, divisor_weight: Array | None, mask: Array
) -> list[float]:
    """Return the divisor of the mean of each term for a loss without a prepass.

    Parameters
    ----------
    variant, tensors
        What is reduced.
    divisor_weight : ndarray or None
        Weights whose sum divides, in kernel form; None to count the items.
    mask : ndarray
        Samples that are kept.
    """
    samples = tensors.samples if mask.size == 1 and mask[0] else int(np.count_nonzero(mask))
    if divisor_weight is not None:
        if divisor_weight.size == 1:
            return [float(divisor_weight.flat[0]) * samples]
        kept = divisor_weight if mask.size == 1 else divisor_weight[mask]
        return [float(np.sum(kept, dtype=np.float64))]
    counts = []
    for axes in variant.term_items:
        count = float(samples)
        for axis in axes:
            count *= tensors.sizes[axis]
        counts.append(count)
    return counts
