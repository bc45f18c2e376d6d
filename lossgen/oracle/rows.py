"""What was measured of one output, as counts that add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from lossgen.oracle.judge import Verdict

__all__ = ["VerifyRow", "merged"]

# Numbers further away than so many ulp are counted.
_BEYOND = (4, 8, 16, 64)

# Failing points that are kept of each output.
_KEPT = 8


@dataclass
class VerifyRow:
    """How accurate one output of one variant is in one dtype.

    Attributes
    ----------
    loss, variant, output, dtype : str
        What was measured; ``output`` is ``value`` or a derivative with the name of the tensor.
    points : int
        How many numbers were judged.
    worst_ulp : float
        Largest raw distance to the exact result.
    total_ulp : float
        Sum of the distances, each at most that at which no digit is right.
    failed : int
        Numbers that fail the rule of `lossgen.oracle.judge`, those without a certified truth included.
    uncertified : int
        Numbers whose exact result could not be certified.
    over_4, over_8, over_16, over_64 : int
        Numbers further away than so many ulp.
    samplers : dict
        For each kind of samples, how many numbers were judged and how many of them failed.
    worst_point : str
        The first failing point, or else the one of `worst_ulp`.
    failures : list of str
        The first failing points.
    """

    loss: str
    variant: str
    output: str
    dtype: str
    points: int = 0
    worst_ulp: float = 0.0
    total_ulp: float = 0.0
    failed: int = 0
    uncertified: int = 0
    over_4: int = 0
    over_8: int = 0
    over_16: int = 0
    over_64: int = 0
    worst_point: str = ""
    failures: list[str] = field(default_factory=list)
    samplers: dict[str, list[int]] = field(default_factory=dict)

    @property
    def mean_ulp(self) -> float:
        """Mean distance; one without a right digit counts as that and no more."""
        return self.total_ulp / self.points if self.points else 0.0

    def add(self, verdict: Verdict, point: str, sampler: str) -> None:
        """Count one verdict."""
        self.points += 1
        counts = self.samplers.setdefault(sampler, [0, 0])
        counts[0] += 1
        counts[1] += not verdict.passed
        self.total_ulp += min(verdict.ulps, 2.0 ** (np.finfo(self.dtype).nmant + 1))
        for ulps in _BEYOND:
            setattr(self, f"over_{ulps}", getattr(self, f"over_{ulps}") + (verdict.ulps > ulps))
        self.uncertified += verdict.reason == "uncertified"
        if not verdict.passed:
            self.failed += 1
            if len(self.failures) < _KEPT:
                self.failures.append(point)
        if verdict.ulps > self.worst_ulp or not self.worst_point:
            self.worst_ulp = max(self.worst_ulp, verdict.ulps)
            self.worst_point = point
        if self.failures:
            self.worst_point = self.failures[0]

    def join(self, other: VerifyRow) -> None:
        """Count what was measured of the same output at other points."""
        if not self.failures and (other.failures or other.worst_ulp > self.worst_ulp or not self.points):
            self.worst_point = other.worst_point
        self.worst_ulp = max(self.worst_ulp, other.worst_ulp)
        self.failures = (self.failures + other.failures)[:_KEPT]
        for sampler, counts in other.samplers.items():
            before = self.samplers.get(sampler, [0, 0])
            self.samplers[sampler] = [one + two for one, two in zip(before, counts, strict=True)]
        for name in ("points", "total_ulp", "failed", "uncertified", *(f"over_{ulps}" for ulps in _BEYOND)):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def merged(rows: Iterable[VerifyRow]) -> list[VerifyRow]:
    """Return one row for each output and dtype."""
    found: dict[tuple[str, ...], VerifyRow] = {}
    for row in rows:
        key = (row.loss, row.variant, row.output, row.dtype)
        found.setdefault(key, VerifyRow(*key)).join(row)
    return list(found.values())
