"""Evaluations that are moved on purpose, or watched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flint import arb

from lossgen.oracle import series
from lossgen.oracle.series import Ball

# Terms move all one way, or up and down by one bit of their position: then another one may be the largest.
PATTERNS = (None, 0, 1, 2)

Entry = tuple[str, tuple[int, ...]]


@dataclass
class Moves:
    """What is moved in an evaluation, and what was seen of it.

    Attributes
    ----------
    shares : mapping
        (number of a sum, pattern) -> share of their size by which its terms are moved; entry of a positive
        recurrence -> share by which its logarithm is moved.
    totals : dict
        Sums of the absolute terms.
    entries : list
        Entries of positive recurrences.
    largest_log : float
        Largest absolute logarithm among them.
    """

    shares: Mapping[Any, Ball] = field(default_factory=dict)
    totals: dict[int, Ball] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    largest_log: float = 0.0
    _counts: dict[int, int] = field(default_factory=dict)

    def term(self, node: int, body: Any) -> Any:
        """Return one term of sum `node`, moved."""
        self.totals[node] = self.totals.get(node, arb(0)) + abs(body[0])
        count = self._counts[node] = self._counts.get(node, -1) + 1
        for bit in PATTERNS:
            if (share := self.shares.get((node, bit))) is not None:
                return body + series.absolute(body) * (share if bit is None or count >> bit & 1 else -share)
        return body

    def entry(self, name: Entry, value: Any) -> Any:
        """Return one entry of a positive recurrence, moved."""
        self.entries.append(name)
        share = self.shares.get(name)
        if share is None:
            if value[0] > 0:
                self.largest_log = max(self.largest_log, abs(float(value[0].log().mid())))
            return value
        if value[0].is_zero():
            return value
        return (series.logarithm(value) * (1 + share)).exp()


class Watched:
    """Numbers of a sample that note whether one entry was read."""

    def __init__(self, inputs: dict[str, dict[tuple[int, ...], Any]], place: Entry) -> None:
        watch = self

        class Entries(dict[tuple[int, ...], Any]):
            def __getitem__(self, position: tuple[int, ...]) -> Any:
                watch.read = watch.read or position == place[1]
                return super().__getitem__(position)

        self.read = False
        self.inputs = {**inputs, place[0]: Entries(inputs[place[0]])}
