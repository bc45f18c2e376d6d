"""``lossgen doctor``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lossgen.cli import deferred
from lossgen.cli.codes import Code
from lossgen.cli.command import JSON, Command, flag
from lossgen.cli.text import counted
from lossgen.console import Console

__all__ = ["COMMAND"]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print what was found, then what to do about it."""
    health = deferred.user_side("lossgen.cli.health")
    findings: Sequence[Any] = health.examine(quick=arguments.quick)
    wrong = any(one.state == "wrong" for one in findings)
    if arguments.json:
        console.json([asdict(one) for one in findings])
        return Code.WRONG if wrong else Code.DONE
    area = ""
    for one in findings:
        if one.area != area:
            area = one.area
            console.line()
            console.title(area)
        mark = {"good": "  ", "note": "- ", "wrong": "! "}[one.state]
        console.line(f"  {mark}{one.name:<20}  {one.found}")
        if one.fix:
            console.line(f"    {'':<20}  fix: {one.fix}")
    console.line()
    problems, remarks = (sum(one.state == state for one in findings) for state in ("wrong", "note"))
    console.line(f"{counted(problems, 'problem')} (!), {counted(remarks, 'remark')} (-)")
    return Code.WRONG if wrong else Code.DONE


COMMAND = Command(
    name="doctor",
    summary="look at the installation, and say what to fix",
    run=run,
    arguments=(flag("--quick", "compile and run nothing"), JSON),
    about="Exit code 1 if something is wrong, 0 if there are remarks only.",
    examples=(
        ("lossgen doctor", "what is here, what is slow or missing, and the fix"),
        ("lossgen doctor --json", "to attach to a report"),
    ),
)
