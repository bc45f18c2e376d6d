"""``lossgen verify``."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
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
    """Measure, and complain about each output with failing points."""
    specs, names = _split(tuple(arguments.names), arguments.package)
    if specs is None:
        known(names, chosen_package(arguments))
        rows = _measured(names, None, None, arguments.points, console)
    else:
        rows = _own(names, specs, arguments, console)
    failed = [row for row in rows if row.failed]
    if arguments.json:
        console.json([asdict(row) for row in rows])
        return Code.WRONG if failed else Code.DONE
    console.table(
        ("loss", "variant", "output", "dtype", "points", "worst ulp", "failed", "uncertified"),
        [
            (
                row.loss,
                row.variant or "-",
                row.output,
                row.dtype,
                row.points,
                f"{row.worst_ulp:.3g}",
                row.failed,
                row.uncertified,
            )
            for row in rows
        ],
    )
    for row in failed:
        measured = " ".join(filter(None, (row.loss, row.variant, row.output, row.dtype)))
        console.error(f"{measured}: {row.worst_point}")
    console.line(f"{len(rows)} outputs measured, {len(failed)} with failing points")
    return Code.WRONG if failed else Code.DONE


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
        return _measured(names, specs, own, arguments.points, console)
    pipeline = deferred.build_side("lossgen.pipeline")
    with tempfile.TemporaryDirectory(prefix="lossgen_") as folder:
        out = Path(folder, Path(folder).name)  # a name that no other module has
        with Progress(console) as progress:
            pipeline.build(specs, out, progress=progress)
        built = importable(LossPackage(out.name, out))
        return _measured(names, specs, built, arguments.points, console)


def _measured(
    names: tuple[str, ...], specs: Path | None, package: Any, points: int, console: Console
) -> Sequence[Any]:
    verify = deferred.build_side("lossgen.oracle.verify")
    with Progress(console) as progress:
        rows: Sequence[Any] = verify.verify(names, specs, package, points=points, progress=progress)
    return rows


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
            "samples of each kind, output and dtype (default: 64)",
            "",
            {"type": positive, "default": 64, "metavar": "N"},
        ),
        PACKAGE,
        JSON,
    ),
    about="A point passes within a few units in the last place, or as the exact result for inputs moved by\n"
    "at most two. Values, gradients, Hessians and products with them; float32 and float64.",
    examples=(
        ("lossgen verify huber", "one loss, in every variant, output and dtype"),
        ("lossgen verify my_specs/", "your own declarations, built into a folder that is deleted"),
        ("lossgen verify my_specs/ my_loss", "one of them"),
        ("lossgen verify my_specs/ --package my_losses", "the package that you ship"),
    ),
)
