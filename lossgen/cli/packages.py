"""Which losses a command speaks of: lossgen's own, declarations by their path, or a built ``--package``."""

from __future__ import annotations

import argparse
import atexit
import difflib
import importlib
import shutil
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from lossgen.cli import deferred
from lossgen.cli.codes import UsageError
from lossgen.cli.command import Argument
from lossgen.console import Console, Progress
from lossgen.paths import generated_folder
from lossgen.runtime.package import LossPackage

__all__ = [
    "LOSS",
    "PACKAGE",
    "chosen_package",
    "importable",
    "known",
    "opened",
    "single",
    "split",
    "spoken",
    "unbuilt",
]

LOSS = Argument(
    "names",
    "the loss, and for one of your own the file or folder that declares it",
    "loss or path",
    {"nargs": "+", "metavar": "NAME|SPECS"},
)

PACKAGE = Argument(
    "--package",
    "folder of a package of your own, as built with --out",
    "folder",
    {"type": Path, "metavar": "DIR"},
)


# As many losses as a message lists.
_FEW = 12


def split(given: Sequence[str], folders: bool = True) -> tuple[Path | None, tuple[str, ...]]:
    """Tell the path of declarations from names: it has a slash, ends in ``.py`` or is a folder.

    Parameters
    ----------
    given : sequence of str
        What was typed.
    folders : bool
        Whether a word without a slash may be a folder.
    """
    paths = [
        text for text in given if "/" in text or text.endswith(".py") or (folders and Path(text).is_dir())
    ]
    if len(paths) > 1:
        raise UsageError(f"give one folder or file of specs, not {len(paths)}: {', '.join(paths)}")
    if paths and Path(paths[0], "manifest.json").is_file():
        raise UsageError(
            f"{paths[0]} is a package that was built, not its declarations: --package {paths[0]}"
        )
    return (Path(paths[0]) if paths else None), tuple(text for text in given if text not in paths)


def opened(specs: Path | None, arguments: argparse.Namespace, console: Console) -> LossPackage:
    """Return the package that a command speaks of; declarations are built into a folder that is deleted."""
    if specs is None:
        return chosen_package(arguments)
    if arguments.package is not None:
        raise UsageError(
            f"give {specs} or --package {arguments.package}, not both: each says where the losses are"
        )
    return unbuilt(specs, None, console)


def unbuilt(specs: Path, jobs: int | None, console: Console) -> LossPackage:
    """Build declarations, unmeasured, into a folder that is deleted at exit."""
    place = Path(tempfile.mkdtemp(prefix="lossgen_"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    out = place / place.name  # a name that no other module has
    with Progress(console) as progress:
        deferred.build_side("lossgen.pipeline").build(specs, out, jobs=jobs, progress=progress)
    return LossPackage(out.name, out)


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


def spoken(specs: Path | None, arguments: argparse.Namespace) -> str:
    """Return the name by which a program in this folder would import the package."""
    if specs is not None:
        return f"{specs.stem}_losses"
    folder: Path | None = arguments.package
    if folder is None:
        return "lossgen.losses"
    there = folder.resolve()
    inside = there.relative_to(Path.cwd()) if there.is_relative_to(Path.cwd()) else Path(there.name)
    return ".".join(inside.parts)


def known(names: Sequence[str], losses: Collection[str]) -> tuple[str, ...]:
    """Return the names, each checked to be one of the losses."""
    for name in names:
        if name not in losses:
            close = difflib.get_close_matches(name, losses, n=1)
            many = (
                "`lossgen list` shows them all"
                if len(losses) > _FEW
                else f"there are {', '.join(sorted(losses))}"
            )
            raise UsageError(f"no loss is named {name!r}; {f'did you mean {close[0]!r}?' if close else many}")
    return tuple(names)


def single(names: Sequence[str], losses: Collection[str]) -> str:
    """Return the one loss that is meant; where there is only one, it need not be named."""
    if not names and len(losses) == 1:
        return next(iter(losses))
    if len(names) != 1:
        raise UsageError(f"name one loss, not {len(names)}: {', '.join(names or sorted(losses))}")
    return known(names, losses)[0]
