"""Compiled losses before the oracle, and what is known to fall short of its pass rule."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import SimpleNamespace

import numpy as np

from lossgen.oracle.verify import verify_variant

DTYPES = (np.float32, np.float64)


@dataclass(frozen=True)
class Shortfall:
    """Outputs by pattern (``formula/output/dtype``), the largest share of numbers that may fail, and why."""

    pattern: str
    share: float
    reason: str


SHORTFALLS: tuple[Shortfall, ...] = ()


def judged(loss, points, dtypes=DTYPES, seed=0):
    """Measure a compiled loss against the exact expression of its declaration."""
    spec = loss.spec
    package = SimpleNamespace(all=lambda: {spec.name: loss})
    return verify_variant(spec, spec.variants[0], package=package, dtypes=dtypes, points=points, seed=seed)


def excuse(name, row):
    """Return the row of the table that covers an output."""
    return next((s for s in SHORTFALLS if fnmatchcase(f"{name}/{row.output}/{row.dtype}", s.pattern)), None)


def unexcused(name, rows):
    """Return what fails more often than the table allows, in words."""
    found = []
    for row in rows:
        known = excuse(name, row)
        if row.failed > (0 if known is None else max(1, known.share * row.points)):
            found.append(f"{name}/{row.output}/{row.dtype}: {row.failed} of {row.points}: {row.worst_point}")
    return found
