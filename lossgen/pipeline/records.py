"""Records of a build: those that fit are kept, the others measured."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lossgen.emit.records import Plan, Wanted, fits, record_text
from lossgen.oracle.judge import JUDGE
from lossgen.oracle.machine import machine
from lossgen.oracle.samplers import SAMPLERS
from lossgen.pipeline.measure import DTYPES, Measurement, measure_all
from lossgen.pipeline.pool import Progress
from lossgen.runtime.accuracy import read_record

__all__ = ["kept_records", "measured_records"]


def kept_records(variants: Iterable[Wanted], out: Path, plan: Plan | None) -> dict[str, str]:
    """Return the texts of the records that are there and fit, by their paths."""
    return {
        one.file: (out / one.file).read_text(encoding="utf-8")
        for one in variants
        if fits(read_record(out / one.file), one, JUDGE, plan)
    }


def measured_records(
    variants: Sequence[Wanted],
    files: Mapping[str, str],
    specs: Path,
    plan: Plan,
    jobs: int | None,
    progress: Progress | None,
) -> dict[str, str]:
    """Measure variants of a package that is not written yet; return the texts of their records."""
    # What takes longest goes first, so that the others fill the time.
    first = sorted(variants, key=lambda one: -_size(one, files))
    with tempfile.TemporaryDirectory(prefix="lossgen_", ignore_cleanup_errors=True) as folder:
        package = Path(folder, Path(folder).name)  # a name that no other module has
        for name, text in files.items():
            (package / name).parent.mkdir(parents=True, exist_ok=True)
            (package / name).write_text(text, encoding="utf-8")
        tasks = [
            Measurement(
                specs,
                package.name,
                package,
                one.loss,
                one.suffix,
                dtype,
                plan.samples(one.structure),
                plan.seeds,
                one.fingerprint,
            )
            for one in first
            for dtype in DTYPES
        ]
        rows = measure_all(tasks, jobs, progress)
    here = machine()
    return {
        one.file: record_text(
            one,
            [row for row in rows if (row.loss, row.variant) == (one.loss, one.suffix)],
            JUDGE,
            plan,
            SAMPLERS,
            here,
        )
        for one in variants
    }


def _size(variant: Wanted, files: Mapping[str, str]) -> int:
    return max(len(text) for name, text in files.items() if Path(name).stem == variant.stem)
