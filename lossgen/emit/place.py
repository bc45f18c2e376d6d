"""Which declarations a build reads and which folder it writes, and whether there is anything to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lossgen.backends.names import PACKAGE, backend_names
from lossgen.emit.choices import CHOICES
from lossgen.emit.inputs import read_inputs
from lossgen.emit.records import FOREIGN, OWN, RECORDS, Plan
from lossgen.emit.report import BuildReport, BuildRow
from lossgen.emit.stamp import Kept, Stamp, read_stamps
from lossgen.emit.write import tree_files
from lossgen.errors import LossValueError
from lossgen.paths import generated_folder, losses_folder, specs_folder

__all__ = ["OWN_STUB", "Place", "nothing_to_do", "of_targets"]

# Editors and type checkers look for the stub of `lossgen.losses` beside its own `__init__.py`.
OWN_STUB = losses_folder() / "__init__.pyi"


@dataclass(frozen=True)
class Place:
    """Where a build reads and writes."""

    specs: Path
    out: Path

    @classmethod
    def of(cls, specs: Path | None, out: Path | None) -> Place:
        """Fill in lossgen's own folders for what is left out."""
        if specs is not None and out is None and specs.resolve() != specs_folder().resolve():
            raise LossValueError(f"specs={str(specs)!r} are your own: say where their kernels go, --out DIR")
        return cls(specs or specs_folder(), out or generated_folder())

    @property
    def own(self) -> bool:
        """Whether lossgen's own folder is written, whose stub has a second place."""
        return self.out.resolve() == generated_folder().resolve()

    def plan(self, points: int | None) -> Plan:
        """Return how its kernels are measured: those that are shipped thoroughly, those of a user in seconds.

        Parameters
        ----------
        points : int, optional
            Samples of each kind and seed, if not as many as usual.
        """
        return (OWN if self.own else FOREIGN).with_points(points)


def of_targets(*targets: str) -> Callable[[str], bool]:
    """Return whether a file of the output folder, by its path in there, is of these targets.

    A target has the folder of its name; the files beside the folders, and the records of what was compared
    and measured, are those of the Python package.
    """

    def of(name: str) -> str:
        folder, inside, _ = name.partition("/")
        return folder if inside and folder not in (RECORDS, CHOICES) else PACKAGE

    return lambda name: of(name) in targets


def nothing_to_do(
    specs: Path | None, out: Path | None, targets: tuple[str, ...] | None, plan: Plan | None
) -> BuildReport | None:
    """Return the report of a build that finds everything as the last one left it, else None."""
    start = time.perf_counter()
    place = Place.of(specs, out)
    chosen = targets or backend_names()
    inputs, stamps = read_inputs(place.specs, plan), read_stamps(place.out)
    if inputs is None or not all(
        stamps.get(target, Stamp()).holds(inputs, place.out, of_targets(target)) for target in chosen
    ):
        return None
    if targets is None and not all(map(of_targets(*chosen), tree_files(place.out))):
        return None
    if place.own and PACKAGE in chosen and not _same(OWN_STUB, place.out / OWN_STUB.name):
        return None
    rows = [
        _row([stamps[target].losses[name] for target in chosen]) for name in sorted(stamps[chosen[0]].losses)
    ]
    left_out = [
        left for target in chosen for kept in stamps[target].losses.values() for left in kept.left_out
    ]
    return BuildReport(rows, [], [], [], place.out, time.perf_counter() - start, left_out)


def _row(parts: list[Kept]) -> BuildRow:
    return replace(parts[0].row, lines=sum(part.row.lines for part in parts))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False
