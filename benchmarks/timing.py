"""Time several contestants in one process, taking turns, so that all of them meet the same disturbances."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.cases import Case

Run = Callable[[], object]

WARM_UP = 3
LEAST_ROUNDS = 7


@dataclass(frozen=True)
class Result:
    """Seconds per call of every contestant in every round."""

    case: Case
    seconds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        """Median over the rounds."""
        return statistics.median(self.seconds[name])


def repetitions(run: Run, least: float = 2e-4) -> int:
    """How many calls make a batch long enough for the clock."""
    count = 1
    while True:
        if batch(run, count) * count >= least:
            return count
        count *= 4


def batch(run: Run, count: int) -> float:
    """Seconds per call over one batch of calls."""
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) / count


def interleave(case: Case, runs: Mapping[str, Run], seconds: float) -> Result:
    """Warm everybody up, then let them take turns until each has had about `seconds`."""
    counts = {}
    for name, run in runs.items():
        batch(run, WARM_UP)
        counts[name] = repetitions(run)
    cost = {name: batch(run, counts[name]) * counts[name] for name, run in runs.items()}
    rounds = min(200, max(LEAST_ROUNDS, round(seconds * len(runs) / sum(cost.values()))))
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds):
        names = list(runs)
        # Nobody always runs straight after the same neighbour.
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            taken[name].append(batch(runs[name], counts[name]))
    return Result(case, taken)
