"""Accuracy records: what was measured of each variant, committed beside its kernels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["FOREIGN", "OWN", "RECORDS", "Plan", "Wanted", "fits", "record_text", "wanted"]

# Their folder in a package.
RECORDS = "records"
# Longer points are cut: a sample of a coupled loss may hold hundreds of numbers.
_LONGEST = 400
_DIGITS = 4


@dataclass(frozen=True)
class Plan:
    """At how many points kernels are measured.

    Attributes
    ----------
    elementwise, coupled : int
        Samples of each kind, seed and dtype; one of a coupled loss gives several numbers.
    seeds : tuple of int
        Which samples.
    """

    elementwise: int
    coupled: int
    seeds: tuple[int, ...]

    def samples(self, structure: str) -> int:
        """Return the samples of a loss."""
        return self.elementwise if structure == "elementwise" else self.coupled

    def with_points(self, points: int | None) -> Plan:
        """Return the plan with this many samples of every loss."""
        return self if points is None else replace(self, elementwise=points, coupled=points)


# Four kinds of samples: 4,104 of an elementwise loss; 576 of a coupled one, three numbers from each.
OWN = Plan(342, 48, (1, 2, 3))
# Seconds for each loss.
FOREIGN = Plan(32, 12, (1,))


@dataclass(frozen=True)
class Wanted:
    """A variant that should have a record."""

    loss: str
    suffix: str
    structure: str
    fingerprint: str

    @property
    def stem(self) -> str:
        """Name of its module and of its record."""
        return f"{self.loss}__{self.suffix}" if self.suffix else self.loss

    @property
    def file(self) -> str:
        """Path of the record in the package."""
        return f"{RECORDS}/{self.stem}.json"


def wanted(name: str, entry: Mapping[str, Any]) -> list[Wanted]:
    """Return the variants of a loss of the manifest."""
    return [Wanted(name, one["suffix"], entry["structure"], one["fingerprint"]) for one in entry["variants"]]


def fits(record: Mapping[str, Any] | None, variant: Wanted, judge: int, plan: Plan | None) -> bool:
    """Tell whether a record speaks of this kernel, by these rules, at as many points as are asked for."""
    if record is None or record.get("fingerprint") != variant.fingerprint or record.get("judge") != judge:
        return False
    asked = 0 if plan is None else plan.samples(variant.structure) * len(plan.seeds)
    return bool(record["points"] * len(record["seeds"]) >= asked)


def record_text(
    variant: Wanted,
    rows: Sequence[Any],
    judge: int,
    plan: Plan,
    samplers: Sequence[str],
    machine: Mapping[str, str],
) -> str:
    """Return the text of a record from the measured rows of a variant."""
    content = {
        "generator": "lossgen build",
        "loss": variant.loss,
        "variant": variant.suffix,
        "fingerprint": variant.fingerprint,
        "judge": judge,
        "samplers": list(samplers),
        "points": plan.samples(variant.structure),
        "seeds": list(plan.seeds),
        "machine": dict(machine),
        "outputs": outputs(rows),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def outputs(rows: Sequence[Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what a record says of each output and dtype."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row.dtype):
        found.setdefault(row.output, {})[row.dtype] = {
            "points": row.points,
            "max_ulp": _short(row.worst_ulp),
            "mean_ulp": _short(row.mean_ulp),
            **{f"over_{ulps}": _share(getattr(row, f"over_{ulps}"), row.points) for ulps in (4, 8, 16, 64)},
            "failed": _share(row.failed, row.points),
            "failed_of": {name: _share(bad, all_) for name, (all_, bad) in row.samplers.items()},
            "uncertified": _share(row.uncertified, row.points),
            "worst_point": _cut(row.worst_point),
        }
    return found


def _short(number: float) -> float | str:
    # JSON has no infinity; `float` reads the word.
    return "inf" if number == float("inf") else float(f"{number:.{_DIGITS}g}")


def _share(count: int, points: int) -> float:
    return round(count / points, 8)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
