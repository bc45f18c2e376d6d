"""``lossgen verify``."""

from __future__ import annotations

import argparse

from lossgen.cli import deferred
from lossgen.cli.codes import Code
from lossgen.cli.command import Argument, Command
from lossgen.console import Console

__all__ = ["COMMAND"]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Measure, and complain about each output with failing points."""
    rows = deferred.build_side("lossgen.oracle.verify").verify(tuple(arguments.names))
    console.table(
        ("loss", "variant", "output", "dtype", "points", "worst ulp", "failed", "uncertified"),
        [
            (
                row.loss,
                row.variant,
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
    failed = [row for row in rows if row.failed]
    for row in failed:
        measured = " ".join(filter(None, (row.loss, row.variant, row.output, row.dtype)))
        console.error(f"{measured}: {row.worst_point}")
    console.line(f"{len(rows)} outputs measured, {len(failed)} with failing points")
    return Code.WRONG if failed else Code.DONE


COMMAND = Command(
    name="verify",
    summary="measure kernels against the exact expression",
    run=run,
    arguments=(Argument("names", "losses (default: all)", "loss", {"nargs": "*", "metavar": "NAME"}),),
    examples=(("lossgen verify huber", "one loss, in every variant, output and dtype"),),
)
