"""Which generated package a command speaks of: lossgen's own, or one built with ``--out``."""

from __future__ import annotations

import argparse
import atexit
import difflib
import importlib
import shutil
import sys
import tempfile
from pathlib import Path

from lossgen.cli.codes import UsageError
from lossgen.cli.command import Argument
from lossgen.paths import generated_folder
from lossgen.runtime.package import LossPackage

__all__ = ["PACKAGE", "chosen_package", "importable", "known", "spoken"]

PACKAGE = Argument(
    "--package",
    "folder of a package of your own, as built with --out",
    "folder",
    {"type": Path, "metavar": "DIR"},
)


def chosen_package(arguments: argparse.Namespace) -> LossPackage:
    """Return the package that `--package` names, or lossgen's own."""
    folder: Path | None = arguments.package
    if folder is None:
        return LossPackage("lossgen.losses", generated_folder())
    if not (folder / "manifest.json").is_file():
        raise UsageError(
            f"--package {folder}: no folder of that name holds a manifest.json; `lossgen build SPECS --out "
            f"{folder}` makes one"
        )
    return LossPackage(folder.resolve().name, folder)


def importable(package: LossPackage) -> LossPackage:
    """Return a package whose kernels can be called: one of one's own as a copy, deleted at exit.

    Numba's caches hold the name under which a module was imported. Which name a folder has in its owner's
    program is not known here, so nothing may be compiled beside the original.
    """
    if package.name == "lossgen.losses":
        return package
    place = Path(tempfile.mkdtemp(prefix="lossgen_"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    name = f"{place.name}_{package.name}"
    shutil.copytree(package.folder, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    sys.path.insert(0, str(place))
    importlib.invalidate_caches()
    return LossPackage(name, place / name)


def spoken(arguments: argparse.Namespace) -> str:
    """Return the name by which a program in this folder would import the package."""
    folder: Path | None = arguments.package
    if folder is None:
        return "lossgen.losses"
    there = folder.resolve()
    inside = there.relative_to(Path.cwd()) if there.is_relative_to(Path.cwd()) else Path(there.name)
    return ".".join(inside.parts)


def known(names: tuple[str, ...], package: LossPackage) -> tuple[str, ...]:
    """Return the names, each checked to be a loss of the package."""
    losses = sorted(package.manifest["losses"])
    for name in names:
        if name not in losses:
            close = difflib.get_close_matches(name, losses, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "`lossgen list` shows them all"
            raise UsageError(f"no loss is named {name!r}; {hint}")
    return names
