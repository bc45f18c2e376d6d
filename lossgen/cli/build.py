"""``lossgen build``."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lossgen.backends.names import backend_names
from lossgen.cli import deferred
from lossgen.cli.codes import Code, UsageError
from lossgen.cli.command import JSON, Argument, Command, flag, names, positive
from lossgen.cli.shown import shown
from lossgen.cli.text import counted
from lossgen.console import Console, Progress
from lossgen.emit.report import BuildReport

__all__ = ["COMMAND"]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Build, and say what was made of each loss."""
    _check_targets(arguments.target)
    place = deferred.user_side("lossgen.emit.place")
    plan = None
    if not arguments.no_measure:
        plan = place.Place.of(arguments.specs, arguments.out).plan(arguments.points)
    report = None
    if not arguments.check and not arguments.force:
        report = place.nothing_to_do(arguments.specs, arguments.out, arguments.target, plan)
    idle = "no file changed" if report is None else "nothing to do"
    if report is None:
        report = _build(arguments, plan, console)
    current = not report.stale and not report.orphans
    code = Code.WRONG if arguments.check and not current else Code.DONE
    if arguments.json:
        console.json(_described(report))
        return code
    console.table(
        ("loss", "structure", "variants", "kernels", "lines", "status"),
        [(row.name, row.structure, row.variants, row.kernels, row.lines, row.status) for row in report.rows],
    )
    for path in report.stale:
        console.error(f"not current: {shown(path)}")
    for path in report.orphans:
        said = "nothing generates it" if arguments.check else "deleted, nothing generates it"
        console.error(f"orphan: {shown(path)} ({said})")
    for said in _left_out(report):
        console.line(said)
    where = shown(report.out)
    if arguments.check:
        console.line(f"{where} is current" if current else f"{where} is not current: run `lossgen build`")
        return code
    done = f"{counted(len(report.written), 'file')} written" if report.written else idle
    console.line(f"{counted(len(report.rows), 'loss', 'losses')} in {where}: {done} ({report.seconds:.1f} s)")
    return code


def _build(arguments: argparse.Namespace, plan: Any, console: Console) -> BuildReport:
    pipeline = deferred.build_side("lossgen.pipeline")
    with Progress(console) as progress:
        report: BuildReport = pipeline.build(
            arguments.specs,
            arguments.out,
            arguments.target,
            arguments.check,
            arguments.jobs,
            progress,
            arguments.force,
            plan,
        )
    return report


def _check_targets(targets: tuple[str, ...] | None) -> None:
    for name in targets or ():
        if name not in backend_names():
            raise UsageError(f"no backend {name!r}: choose among {', '.join(backend_names())}")


def _left_out(report: BuildReport) -> list[str]:
    """Return one line for each target."""
    counts = Counter(left.target for left in report.left_out)
    return [
        f"{target} leaves out {counted(count, 'variant')}: with --json the command says which, and why"
        for target, count in sorted(counts.items())
    ]


def _described(report: BuildReport) -> dict[str, Any]:
    return {
        "out": str(report.out),
        "losses": [asdict(row) for row in report.rows],
        "written": [str(path) for path in report.written],
        "stale": [str(path) for path in report.stale],
        "orphans": [str(path) for path in report.orphans],
        "left_out": [asdict(left) for left in report.left_out],
        "seconds": round(report.seconds, 3),
    }


COMMAND = Command(
    name="build",
    summary="generate kernels, stubs and the manifest from specs",
    run=run,
    arguments=(
        Argument(
            "specs",
            "a spec file or a folder of them (default: lossgen's own)",
            "path",
            {"nargs": "?", "type": Path, "metavar": "SPECS"},
        ),
        Argument(
            "--out",
            "folder to write, needed for specs of your own",
            "folder",
            {"type": Path, "metavar": "DIR"},
        ),
        Argument(
            "--target",
            "write the files of these backends and leave the others' alone (default: all)",
            "backend",
            {"type": names, "metavar": "BACKEND,…"},
        ),
        flag("--check", "write nothing; make every loss and exit 1 if a file is not current"),
        flag("--force", "make every loss again, also those whose declaration did not change"),
        Argument(
            "--points",
            "samples of each kind, seed and dtype at which kernels without a record are measured",
            "",
            {"type": positive, "metavar": "N"},
        ),
        flag("--no-measure", "measure nothing: kernels without a record go without"),
        Argument("--jobs", "processes (default: one per core)", "", {"type": positive, "metavar": "N"}),
        JSON,
    ),
    about="Only losses whose declaration changed are made again, and only kernels whose code changed are\n"
    "measured again; the others keep their accuracy records. The folder is replaced in one step: whoever\n"
    "reads it, also when a build is killed, sees the old files or the new ones.",
    examples=(
        ("lossgen build", "regenerate generated/ from specs/"),
        ("lossgen build --target latex", "write the formulas, touch no kernel"),
        ("lossgen build --check", "exit 1 when generated/ is not what specs/ gives"),
        ("lossgen build my_specs/ --out my_losses", "your own losses, as a package"),
    ),
)
