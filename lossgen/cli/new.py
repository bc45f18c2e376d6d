"""``lossgen new``."""

from __future__ import annotations

import argparse
import keyword
from pathlib import Path
from string import Template

from lossgen.cli.codes import Code, UsageError
from lossgen.cli.command import Argument, Command
from lossgen.cli.shown import shown
from lossgen.console import Console
from lossgen.paths import templates_folder

__all__ = ["COMMAND"]

_KINDS = ("elementwise", "row", "batch")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Write a starter, never over a file that is there."""
    name: str = arguments.name
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise UsageError(f"{name!r} cannot be the name of a loss: use letters, digits and _, as in my_loss")
    file: Path = arguments.dir / f"{name}.py"
    text = (templates_folder() / "starter" / f"{arguments.kind}.txt").read_text(encoding="utf-8")
    arguments.dir.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(Template(text).substitute(name=name))
    except FileExistsError:
        raise UsageError(f"{shown(file)} is there already: choose another name, or --dir") from None
    console.line(f"{shown(file)} declares `{name}`: edit its formula, then")
    console.line(f"  lossgen verify {shown(file)}")
    console.line(f"  lossgen build {shown(file)} --out {name}_kernels")
    return Code.DONE


COMMAND = Command(
    name="new",
    summary="write a commented declaration to start from",
    run=run,
    arguments=(
        Argument("name", "name of the loss, which is also that of the file", "", {"metavar": "NAME"}),
        Argument(
            "--kind",
            "what a sample is: one number, a row of scores with a class, or all numbers of an image",
            "",
            {"choices": _KINDS, "default": _KINDS[0]},
        ),
        Argument(
            "--dir",
            "folder of the file (default: this one)",
            "folder",
            {"type": Path, "default": Path(), "metavar": "DIR"},
        ),
    ),
    about="The starter builds and verifies as it is.",
    examples=(
        ("lossgen new my_loss", "writes my_loss.py"),
        ("lossgen new my_loss --kind row --dir my_specs", "a loss of scores and a class"),
    ),
)
