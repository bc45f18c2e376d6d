"""``lossgen verify``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossgen.cli import deferred
from lossgen.cli.codes import Code, UsageError
from lossgen.cli.command import JSON, Argument, Command, positive
from lossgen.cli.packages import PACKAGE, chosen_package, importable, known, split, unbuilt
from lossgen.cli.text import counted
from lossgen.console import Console, Progress

__all__ = ["COMMAND"]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Measure, and complain about each output with failing points that no record owns up to."""
    specs, names = split(arguments.names)
    if specs is None:
        if arguments.package is not None:
            raise UsageError("--package is judged by its declarations: lossgen verify SPECS --package DIR")
        known(names, chosen_package(arguments).manifest["losses"])
        found = _measured(names, None, None, arguments, console)
    else:
        found = _own(names, specs, arguments, console)
    wrong = [one for one in found if one.wrong]
    code = Code.WRONG if wrong else Code.DONE
    if arguments.json:
        console.json([one.described() for one in found])
        return code
    header = ("loss", "variant", "output", "dtype", "points", "worst ulp", "failed", "uncertified", "record")
    console.table(header, map(_cells, found))
    for one in wrong:
        row = one.row
        measured = " ".join(filter(None, (row.loss, row.variant, row.output, row.dtype)))
        console.error(f"{measured}: {row.worst_point}")
    console.line(
        f"{counted(len(found), 'output')} measured, {len(wrong)} with failing points{_compared(found)}"
    )
    return code


def _cells(one: Any) -> tuple[object, ...]:
    row = one.row
    worst = f"{row.worst_ulp:.3g}"
    counts = (row.points, worst, row.failed, row.uncertified)
    return (row.loss, row.variant or "-", row.output, row.dtype, *counts, one.compared or "-")


def _compared(found: Sequence[Any]) -> str:
    """Say how many outputs differ from their records, of those that have one."""
    compared = [one.compared for one in found if one.compared]
    if not compared:
        return ""
    counts = {said: compared.count(said) for said in ("better", "worse")}
    return f"; {len(compared)} compared with their records, " + ", ".join(
        f"{count} {said}" for said, count in counts.items()
    )


def _own(
    names: tuple[str, ...], specs: Path, arguments: argparse.Namespace, console: Console
) -> Sequence[Any]:
    """Measure losses of one's own: a package that was built before, or one built for this."""
    if arguments.package is not None:
        own = importable(chosen_package(arguments))
        return _measured(names, specs, own, arguments, console)
    return _measured(names, specs, unbuilt(specs, arguments.jobs, console), arguments, console)


def _measured(
    names: tuple[str, ...], specs: Path | None, package: Any, arguments: argparse.Namespace, console: Console
) -> Sequence[Any]:
    pipeline = deferred.build_side("lossgen.pipeline.verify")
    with Progress(console) as progress:
        found: Sequence[Any] = pipeline.verify(
            names, specs, package, points=arguments.points, jobs=arguments.jobs, progress=progress
        )
    return found


COMMAND = Command(
    name="verify",
    summary="measure kernels against the exact expression, on this machine",
    run=run,
    arguments=(
        Argument(
            "names",
            "losses, or a file or folder of your own declarations (default: all of lossgen)",
            "loss or path",
            {"nargs": "*", "metavar": "NAME|SPECS"},
        ),
        Argument(
            "--points",
            "samples of each kind and dtype (default: those of the record, or 64 without one)",
            "",
            {"type": positive, "metavar": "N"},
        ),
        Argument("--jobs", "processes (default: one per core)", "", {"type": positive, "metavar": "N"}),
        PACKAGE,
        JSON,
    ),
    about="A point passes within a few units in the last place, or as the exact result for inputs moved by\n"
    "at most two. Values, gradients, Hessians and products with them; float32 and float64. At the points of\n"
    "its record a kernel must not fail more often than recorded; at others, and beyond 1 %, never. A record\n"
    "made on another processor may differ in the last bits: `better` and `worse` are reported alone.",
    examples=(
        ("lossgen verify huber", "one loss, in every variant, output and dtype, beside its record"),
        ("lossgen verify huber --points 16", "the same at a few other points, in seconds"),
        ("lossgen verify my_specs/", "your own declarations, built into a folder that is deleted"),
        ("lossgen verify my_specs/ my_loss", "one of them"),
        ("lossgen verify my_specs/ --package my_losses", "the package that you ship"),
    ),
)
