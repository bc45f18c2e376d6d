"""``lossgen verify``."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossgen.cli import deferred
from lossgen.cli.codes import Code, UsageError
from lossgen.cli.command import JSON, Argument, Command, positive
from lossgen.cli.packages import PACKAGE, chosen_package, importable, known
from lossgen.console import Console, Progress
from lossgen.runtime.package import LossPackage

__all__ = ["COMMAND"]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Measure, and complain about each output with failing points that no record owns up to."""
    specs, names = _split(tuple(arguments.names), arguments.package)
    if specs is None:
        known(names, chosen_package(arguments))
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
    console.line(f"{len(found)} outputs measured, {len(wrong)} with failing points{_compared(found)}")
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


def _split(given: tuple[str, ...], package: Path | None) -> tuple[Path | None, tuple[str, ...]]:
    """Tell a path of declarations from names of losses."""
    paths = [text for text in given if "/" in text or text.endswith(".py") or Path(text).is_dir()]
    if len(paths) > 1:
        raise UsageError(f"give one folder or file of specs, not {len(paths)}: {', '.join(paths)}")
    if package is not None and not paths:
        raise UsageError("--package is judged by its declarations: lossgen verify SPECS --package DIR")
    return (Path(paths[0]) if paths else None), tuple(text for text in given if text not in paths)


def _own(
    names: tuple[str, ...], specs: Path, arguments: argparse.Namespace, console: Console
) -> Sequence[Any]:
    """Measure losses of one's own: a package that was built before, or one built for this."""
    if arguments.package is not None:
        own = importable(chosen_package(arguments))
        return _measured(names, specs, own, arguments, console)
    pipeline = deferred.build_side("lossgen.pipeline")
    with tempfile.TemporaryDirectory(prefix="lossgen_") as folder:
        out = Path(folder, Path(folder).name)  # a name that no other module has
        with Progress(console) as progress:
            pipeline.build(specs, out, jobs=arguments.jobs, progress=progress)
        return _measured(names, specs, LossPackage(out.name, out), arguments, console)


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
            "loss",
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
