"""Which declarations a build reads and which folder it writes, and whether there is anything to do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from lossgen.backends.names import backend_names
from lossgen.emit.inputs import read_inputs
from lossgen.emit.report import BuildReport
from lossgen.emit.stamp import read_stamp
from lossgen.errors import LossValueError
from lossgen.paths import generated_folder, losses_folder, specs_folder

__all__ = ["OWN_STUB", "Place", "nothing_to_do"]

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


def nothing_to_do(
    specs: Path | None, out: Path | None, targets: tuple[str, ...] | None
) -> BuildReport | None:
    """Return the report of a build that finds everything as the last one left it, else None."""
    start = time.perf_counter()
    place = Place.of(specs, out)
    inputs = read_inputs(place.specs, targets or backend_names())
    stamp = read_stamp(place.out)
    if inputs is None or not stamp.holds(inputs, place.out):
        return None
    if place.own and not _same(OWN_STUB, place.out / OWN_STUB.name):
        return None
    rows = [kept.row for _, kept in sorted(stamp.losses.items())]
    return BuildReport(rows, [], [], [], place.out, time.perf_counter() - start)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False
