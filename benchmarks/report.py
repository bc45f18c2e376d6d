"""Print results as a table, or hand them to programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.contestants import FLOOR, OURS
from benchmarks.timing import Result


def table(result: Result) -> str:
    """Medians, the quickest call, and how many times ours each one took."""
    ours = result.median(OURS)
    lines = [result.case.name, f"  {'':<16}{'median':>12}{'least':>12}{'× lossgen':>12}"]
    for name in sorted(result.seconds, key=result.median):
        median = result.median(name)
        least = min(result.seconds[name])
        note = "  (one pass over the same memory)" if name == FLOOR else ""
        lines.append(f"  {name:<16}{duration(median):>12}{duration(least):>12}{median / ours:>12.2f}{note}")
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def as_json(
    machine: Mapping[str, str], missing: Mapping[str, str], results: Sequence[Result]
) -> dict[str, Any]:
    """Everything, in seconds per call."""
    return {
        "machine": dict(machine),
        "missing": dict(missing),
        "results": [
            {
                "loss": result.case.loss,
                "shape": list(result.case.x.shape),
                "output": "value_and_grad",
                "dtype": str(result.case.x.dtype),
                "rounds": len(result.seconds[OURS]),
                "contestants": {
                    name: {
                        "median": result.median(name),
                        "least": min(seconds),
                        "ratio": result.median(name) / result.median(OURS),
                    }
                    for name, seconds in result.seconds.items()
                },
            }
            for result in results
        ],
    }
