"""Evaluations that are moved on purpose, or watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flint import arb

from lossgen.oracle import series
from lossgen.oracle.series import Ball

# Terms move all one way, or up and down by one bit of their position: then another one may be the largest.
PATTERNS = (None, 0, 1, 2)

Entry = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class Through:
    """Key of a share: the first direction of a derivative reaches only what this entry of an intermediate
    tensor reads of the input itself (without an entry, what is read outside of all of them).
    """

    place: Entry
    entry: Entry | None = None


@dataclass(frozen=True)
class Rounded:
    """Key of a share: the entries of intermediate tensors (the logarithms of those of positive recurrences)
    are rounded to so many bits.
    """

    bits: int


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
    stored : list
        Entries of the other intermediate tensors.
    """

    shares: Mapping[Any, Ball] = field(default_factory=dict)
    totals: dict[int, Ball] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    largest_log: float = 0.0
    stored: list[Entry] = field(default_factory=list)
    _current: Entry | None = None
    _counts: dict[int, int] = field(default_factory=dict)

    def term(self, node: int, body: Any) -> Any:
        """Return one term of sum `node`, moved."""
        self.totals[node] = self.totals.get(node, arb(0)) + abs(body[0])
        count = self._counts[node] = self._counts.get(node, -1) + 1
        for bit in PATTERNS:
            if (share := self.shares.get((node, bit))) is not None:
                return body + series.absolute(body) * (share if bit is None or count >> bit & 1 else -share)
        return body

    def begin(self, name: Entry | None) -> None:
        """Note which entry is computed from here on."""
        self._current = name

    def read(self, place: Entry, value: Any) -> Any:
        """Return an entry of an input, cut off from the first direction where another part is asked about."""
        asked = next((key for key in self.shares if isinstance(key, Through)), None)
        cut = asked is not None and asked.place == place and asked.entry != self._current
        return series.without_first(value) if cut else value

    def store(self, name: Entry, value: Any) -> Any:
        """Return one entry of another intermediate tensor, rounded."""
        self.stored.append(name)
        bits = self._bits()
        return value if bits is None else series.rounded(value, bits)

    def _bits(self) -> int | None:
        return next((key.bits for key in self.shares if isinstance(key, Rounded)), None)

    def entry(self, name: Entry, value: Any) -> Any:
        """Return one entry of a positive recurrence, moved."""
        self.entries.append(name)
        bits = self._bits()
        if bits is not None and not value[0].is_zero():
            return series.rounded(series.logarithm(value), bits).exp()
        share = self.shares.get(name)
        if share is None:
            if value[0] > 0:
                self.largest_log = max(self.largest_log, abs(float(value[0].log().mid())))
            return value
        if value[0].is_zero():
            return value
        return (series.logarithm(value) * (1 + share)).exp()


class Reads:
    """Notes whether anything was read."""

    def __init__(self) -> None:
        self.any = False

    def __call__(self, value: Any) -> Any:
        """Return the value as it is."""
        self.any = True
        return value


def watched(
    inputs: dict[str, dict[tuple[int, ...], Any]], place: Entry, read: Callable[[Any], Any]
) -> dict[str, dict[tuple[int, ...], Any]]:
    """Return the numbers of a sample, with `read` applied to one entry whenever it is read."""

    class Entries(dict[tuple[int, ...], Any]):
        def __getitem__(self, position: tuple[int, ...]) -> Any:
            value = super().__getitem__(position)
            return read(value) if position == place[1] else value

    return {**inputs, place[0]: Entries(inputs[place[0]])}
