"""``lossgen build``."""

from __future__ import annotations

import argparse
from pathlib import Path

from lossgen.cli import deferred
from lossgen.cli.codes import Code
from lossgen.cli.command import Argument, Command, flag, names, positive
from lossgen.cli.shown import shown
from lossgen.console import Console, Progress

__all__ = ["COMMAND"]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Build, and say what was made of each loss."""
    pipeline = deferred.build_side("lossgen.pipeline")
    with Progress(console) as progress:
        report = pipeline.build(
            arguments.specs, arguments.out, arguments.target, arguments.check, arguments.jobs, progress
        )
    console.table(
        ("loss", "structure", "variants", "kernels", "lines", "status"),
        [(row.name, row.structure, row.variants, row.kernels, row.lines, row.status) for row in report.rows],
    )
    for path in report.stale:
        console.error(f"not current: {shown(path)}")
    for path in report.orphans:
        said = "nothing generates it" if arguments.check else "deleted, nothing generates it"
        console.error(f"orphan: {shown(path)} ({said})")
    where = shown(report.out)
    if arguments.check:
        current = not report.stale and not report.orphans
        console.line(f"{where} is current" if current else f"{where} is not current: run `lossgen build`")
        return Code.DONE if current else Code.WRONG
    done = f"{len(report.written)} files written" if report.written else "nothing to do"
    console.line(f"{len(report.rows)} losses in {where}: {done} ({report.seconds:.1f} s)")
    return Code.DONE


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
            "only these backends (default: all)",
            "backend",
            {"type": names, "metavar": "BACKEND,…"},
        ),
        flag("--check", "write nothing; exit 1 if not current"),
        Argument("--jobs", "processes (default: one per core)", "", {"type": positive, "metavar": "N"}),
    ),
    about="The folder is replaced in one step: whoever reads it, also while a build is killed, sees the old\n"
    "files or the new ones.",
    examples=(
        ("lossgen build", "regenerate generated/ from specs/"),
        ("lossgen build --check", "exit 1 when generated/ is not what specs/ gives"),
        ("lossgen build my_specs/ --out my_losses", "your own losses, as a package"),
    ),
)
