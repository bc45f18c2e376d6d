"""``lossgen list``."""

from __future__ import annotations

import argparse

from lossgen.cli.codes import Code
from lossgen.cli.command import Command
from lossgen.console import Console
from lossgen.paths import generated_folder
from lossgen.runtime.package import LossPackage

__all__ = ["COMMAND"]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the losses of the manifest."""
    losses = LossPackage("lossgen.losses", generated_folder()).manifest["losses"]
    console.table(
        ("loss", "family", "structure", "variants", "summary"),
        [
            (name, loss["family"], loss["structure"], len(loss["variants"]), loss["summary"])
            for name, loss in sorted(losses.items())
        ],
    )
    return Code.DONE


COMMAND = Command(name="list", summary="list the generated losses", run=run)
