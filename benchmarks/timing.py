"""Time several contestants in one process, taking turns, so that all of them meet the same disturbances."""

from __future__ import annotations

import contextlib
import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cases import Case
from benchmarks.conditions import QUIET, Condition

# Calls before anything counts: at most so many, at least two, or as many as that many seconds have room for.
WARM_UP, WARM_SECONDS = 8, 0.5
FEWEST_TURNS, MOST_TURNS = 5, 60
# Seconds that a sample takes at least, so that the clock is good enough, and a turn of many samples.
SAMPLE, TURN = 1e-4, 5e-3
# A call that takes longer finds nothing in caches that an earlier one could have left there.
LONG = 0.02


@dataclass(frozen=True)
class Run:
    """A prepared call, and what is to be set around its turns."""

    call: Callable[[], object]
    around: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext


@dataclass(frozen=True)
class Result:
    """Seconds per call of every contestant, and why others do not take part."""

    case: Case
    condition: str
    seconds: Mapping[str, Sequence[float]]
    without: Mapping[str, str]

    def median(self, name: str) -> float:
        """Median of the samples."""
        return statistics.median(self.seconds[name])

    def late(self, name: str) -> float:
        """95th percentile of the samples."""
        ordered = sorted(self.seconds[name])
        return ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]


def batch(run: Run, count: int) -> float:
    """Seconds per call over one batch of calls."""
    call = run.call
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def warmed(run: Run) -> float:
    """Call it until it is compiled and warm; return the seconds of the quickest call but the first."""
    run.call()
    found = [batch(run, 1)]
    while len(found) < WARM_UP and sum(found) < WARM_SECONDS:
        found.append(batch(run, 1))
    return min(found)


def interleave(case: Case, runs: Mapping[str, Run], seconds: float, condition: Condition = QUIET) -> Result:
    """Warm everybody up, then let them take turns until each has had about `seconds`."""
    cost, without = {}, {}
    for name, run in runs.items():
        try:
            with run.around():
                cost[name] = warmed(run)
        except Exception as error:  # whatever a framework raises: it cannot compute this
            without[name] = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    able = {name: runs[name] for name in cost}
    spent = sum(condition.pause + max(TURN, taken) for taken in cost.values())
    turns = min(MOST_TURNS, max(FEWEST_TURNS, round(seconds * len(able) / spent)))
    taken: dict[str, list[float]] = {name: [] for name in able}
    gc.collect()
    gc.disable()
    try:
        with condition.meanwhile():
            for turn in range(turns):
                names = list(able)
                # Nobody always runs straight after the same neighbour.
                shift = turn % len(names)
                for name in names[shift:] + names[:shift]:
                    taken[name] += _turn(able[name], cost[name], condition)
    finally:
        gc.enable()
    return Result(case, condition.name, taken, without)


def _turn(run: Run, cost: float, condition: Condition) -> list[float]:
    """Return samples of a contestant whose caches and threads are as its own calls leave them."""
    # Single calls show how long the slow ones take.
    count = max(1, round(SAMPLE / cost)) if condition is QUIET else 1
    samples = max(1, round(TURN / max(cost * count, SAMPLE)))
    found = []
    with run.around():
        time.sleep(condition.pause)
        if cost < LONG:
            run.call()
        for _ in range(samples):
            condition.before()
            found.append(batch(run, count))
    return found
