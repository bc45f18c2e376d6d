"""Which generated package a command speaks of: lossgen's own, or one built with ``--out``."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from lossgen.cli.codes import UsageError
from lossgen.cli.command import Argument
from lossgen.paths import generated_folder
from lossgen.runtime.package import LossPackage

__all__ = ["PACKAGE", "chosen_package", "known"]

PACKAGE = Argument(
    "--package",
    "folder of a package of your own, as built with --out",
    "folder",
    {"type": Path, "metavar": "DIR"},
)


def chosen_package(arguments: argparse.Namespace) -> LossPackage:
    """Return the package that `--package` names, made importable, or lossgen's own."""
    folder: Path | None = arguments.package
    if folder is None:
        return LossPackage("lossgen.losses", generated_folder())
    folder = folder.resolve()
    if not (folder / "manifest.json").is_file():
        raise UsageError(f"--package {arguments.package}: no manifest.json there; build it with --out")
    # The losses import their kernels by the package's name.
    sys.path.insert(0, str(folder.parent))
    return LossPackage(folder.name, folder)


def known(names: tuple[str, ...], package: LossPackage) -> tuple[str, ...]:
    """Return the names, each checked to be a loss of the package."""
    losses = sorted(package.manifest["losses"])
    for name in names:
        if name not in losses:
            close = difflib.get_close_matches(name, losses, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "`lossgen list` shows them all"
            raise UsageError(f"no loss is named {name!r}; {hint}")
    return names
