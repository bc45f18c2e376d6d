"""Rows of many samples beside each other: entry c of all rows lies together, one row in each lane."""

from __future__ import annotations

from typing import Any

from lossgen.runtime.vectormath.inline import inlined

__all__ = ["LANES", "entries", "rows", "scattered"]

# Rows that run beside each other: a few registers of the widest kind.
LANES = 64


@inlined
def entries(lanes: Any, samples: Any, step: Any, source: Any) -> None:
    """Take one number of each sample; `step` is 0 where one number stands for all."""
    for lane in range(LANES):
        lanes[lane] = source[samples[lane] * step]


@inlined
def rows(lanes: Any, samples: Any, source: Any) -> None:
    """Take the row of each sample."""
    for lane in range(LANES):
        row = source[samples[lane]]
        for c in range(row.shape[0]):
            lanes[c, lane] = row[c]


@inlined
def scattered(target: Any, samples: Any, count: Any, lanes: Any) -> None:
    """Write the rows of the first `count` samples."""
    for lane in range(count):
        row = target[samples[lane]]
        for c in range(row.shape[0]):
            row[c] = lanes[c, lane]
