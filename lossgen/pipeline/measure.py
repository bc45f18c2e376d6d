"""Kernels of a package, measured by the exact expressions of their declarations, in processes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lossgen.errors import LossError
from lossgen.oracle.judge import JUDGE
from lossgen.oracle.rows import VerifyRow, merged
from lossgen.oracle.verify import verify_variant
from lossgen.pipeline.journal import Journal
from lossgen.pipeline.pool import Progress, in_processes
from lossgen.runtime.package import LossPackage
from lossgen.spec.model import Loss
from lossgen.spec.registry import load

__all__ = ["DTYPES", "Measurement", "measure_all"]

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Measurement:
    """One variant in one dtype at some points.

    Attributes
    ----------
    specs : Path
        Where it is declared.
    package, folder : str, Path
        The generated package: its import name, and where it lies.
    loss, suffix : str
        The variant.
    dtype : str
        Of the arrays.
    points, seeds : int, tuple of int
        Samples of each kind and seed.
    fingerprint : str
        What the kernel is, if a measurement that was finished before will do.
    """

    specs: Path
    package: str
    folder: Path
    loss: str
    suffix: str
    dtype: str
    points: int
    seeds: tuple[int, ...]
    fingerprint: str = ""

    @property
    def name(self) -> str:
        """What it is called while it is made."""
        return " ".join(filter(None, ("measured", self.loss, self.suffix, self.dtype)))


def measure_all(
    tasks: Sequence[Measurement],
    jobs: int | None = None,
    progress: Progress | None = None,
) -> list[VerifyRow]:
    """Return the rows of all tasks, in their order; they do not depend on the number of processes."""
    _declared.cache_clear()  # declarations may have changed since the last measurement of this process
    journal = Journal()
    done = {task: rows for task in tasks if (rows := _finished(journal, task)) is not None}
    for task, rows in in_processes(_measure, [task for task in tasks if task not in done], jobs):
        done[task] = rows
        if task.fingerprint:
            journal.keep(rows, *_identity(task))
        if progress is not None:
            progress(task.name, len(done), len(tasks))
    return [row for task in tasks for row in done[task]]


def _finished(journal: Journal, task: Measurement) -> list[VerifyRow] | None:
    return journal.find(*_identity(task)) if task.fingerprint else None


def _identity(task: Measurement) -> tuple[Any, ...]:
    return JUDGE, task.fingerprint, task.loss, task.suffix, task.dtype, task.points, task.seeds


@lru_cache(maxsize=1)
def _declared(specs: Path) -> dict[str, Loss]:
    return {loss.name: loss for loss in load(specs)}


def _measure(task: Measurement) -> list[VerifyRow]:
    loss = _declared(task.specs)[task.loss]
    variant = next(one for one in loss.variants if one.suffix == task.suffix)
    package = LossPackage(task.package, task.folder)
    beside = str(task.folder.parent)
    if "." not in task.package and beside not in sys.path:
        sys.path.insert(0, beside)  # a package of one's own is imported from where it lies
    try:
        return merged(
            row
            for seed in task.seeds
            for row in verify_variant(loss, variant, package, (task.dtype,), task.points, seed)
        )
    except Exception as error:  # whatever a kernel or the oracle stumbles over
        raise LossError(
            f"{task.name.removeprefix('measured ')} cannot be measured: {type(error).__name__}: {error}; "
            "`lossgen build --no-measure` builds it without a record"
        ) from error
