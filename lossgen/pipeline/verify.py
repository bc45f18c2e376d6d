"""Measure a package again, on this machine, and compare with what is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lossgen.emit.records import outputs
from lossgen.errors import LossValueError
from lossgen.oracle.rows import VerifyRow
from lossgen.paths import generated_folder, specs_folder
from lossgen.pipeline.measure import DTYPES, Measurement, measure_all
from lossgen.pipeline.pool import Progress
from lossgen.runtime.package import LossPackage
from lossgen.spec.registry import load

__all__ = ["Checked", "verify"]

# Samples of each kind where no record says at how many the kernel was measured.
_POINTS, _SEEDS = 64, (0,)
# Failing points that a record owns up to are no news, as long as they are rare.
_RARE = 0.01
# What is compared, the most important first.
_ORDER = ("failed", "over_16", "over_4", "mean_ulp", "max_ulp")


@dataclass(frozen=True)
class Checked:
    """What was measured of an output, and what is recorded of it.

    Attributes
    ----------
    row : VerifyRow
        What was measured.
    recorded : mapping or None
        What the record says, if it was measured at the same points.
    """

    row: VerifyRow
    recorded: Mapping[str, Any] | None

    @property
    def compared(self) -> str:
        """``as recorded``, ``better`` or ``worse``; nothing if there is nothing to compare with."""
        if self.recorded is None:
            return ""
        measured = outputs([self.row])[self.row.output][self.row.dtype]
        now, then = ([float(one[key]) for key in _ORDER] for one in (measured, self.recorded))
        return "as recorded" if now == then else "better" if now < then else "worse"

    @property
    def wrong(self) -> bool:
        """Whether points fail that may not: all, but for as many as a record owns up to."""
        share = 1.0 if self.recorded is None else self.recorded["failed"]
        return self.row.failed > (round(share * self.row.points) if share <= _RARE else 0)

    def described(self) -> dict[str, Any]:
        """Return it for a program."""
        recorded = None if self.recorded is None else dict(self.recorded)
        return asdict(self.row) | {"compared": self.compared, "wrong": self.wrong, "recorded": recorded}


def verify(
    names: Sequence[str] = (),
    specs: Path | None = None,
    package: LossPackage | None = None,
    points: int | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> list[Checked]:
    """Judge losses by their exact expressions, at the points of their records or at others.

    Parameters
    ----------
    names : sequence of str
        Losses; all if empty.
    specs : Path, optional
        Folder or file of their declarations; lossgen's own if left out.
    package : LossPackage, optional
        The generated package; ``lossgen.losses`` if left out.
    points : int, optional
        Samples of each kind; those of the record if left out.
    jobs : int, optional
        Processes; one per core if left out.
    progress : callable, optional
        Called with what was measured, the number done and the number of all.
    """
    specs = specs or specs_folder()
    package = package or LossPackage("lossgen.losses", generated_folder())
    declared = {loss.name: loss for loss in load(specs)}
    if unknown := sorted(set(names) - set(declared)):
        raise LossValueError(
            f"no loss is named {', '.join(unknown)}; there are {', '.join(sorted(declared))}"
        )
    records: dict[tuple[str, str], Mapping[str, Any]] = {}
    tasks: list[Measurement] = []
    for loss in declared.values():
        for variant in loss.variants if not names or loss.name in names else ():
            record = None if points else package.get(loss.name).certificate(**dict(variant.static))
            samples, seeds = points or _POINTS, _SEEDS
            if record is not None:
                records[loss.name, variant.suffix] = record["outputs"]
                samples, seeds = record["points"], tuple(record["seeds"])
            tasks += [
                Measurement(
                    specs, package.name, package.folder, loss.name, variant.suffix, dtype, samples, seeds
                )
                for dtype in DTYPES
            ]
    rows = measure_all(tasks, jobs, progress)
    return [
        Checked(row, records.get((row.loss, row.variant), {}).get(row.output, {}).get(row.dtype))
        for row in rows
    ]
