"""Compensated sums, number by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossgen.runtime.vectormath.inline import inlined

__all__ = ["added", "two_sum"]


@inlined
def two_sum(total: Any, lost: Any, term: Any) -> Any:
    """Add a term to a running sum; `lost` collects what rounding took (Knuth's TwoSum)."""
    grown = total + term
    back = grown - total
    return grown, lost + ((total - (grown - back)) + (term - back))


@inlined
def added(total: Any, lost: Any, terms: Any) -> Any:
    """Take an array into a compensated sum in float64."""
    for i in range(terms.shape[0]):
        total, lost = two_sum(total, lost, np.float64(terms[i]))
    return total, lost
