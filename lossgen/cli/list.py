"""``lossgen list``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lossgen.cli.codes import Code
from lossgen.cli.command import JSON, Argument, Command, flag
from lossgen.cli.packages import PACKAGE, opened, split
from lossgen.console import Console
from lossgen.runtime.accuracy import percent, read_certificate, record_path

__all__ = ["COMMAND"]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the losses that match; without any, answer that something is wrong, as `grep` does."""
    specs, given = split(arguments.words, folders=False)
    package = opened(specs, arguments, console)
    losses = package.manifest["losses"]
    words = [word.lower() for word in given]
    found = {
        name: loss
        for name, loss in sorted(losses.items())
        if arguments.family in (None, loss["family"])
        and arguments.structure in (None, loss["structure"])
        and all(word in _searched(name, loss) for word in words)
    }
    if arguments.json:
        console.json([_described(name, loss, package.folder) for name, loss in found.items()])
    elif arguments.names:
        for name in found:
            console.line(name)
    else:
        _table(found, package.folder, console)
        if not found:
            console.error(f"no loss fits{_known(arguments, losses)}; `lossgen list` shows them all")
    return Code.DONE if found else Code.WRONG


def _known(arguments: argparse.Namespace, losses: Mapping[str, Any]) -> str:
    """Name the families or structures there are, where one was asked for that no loss has."""
    for plural, asked, key in (
        ("families", arguments.family, "family"),
        ("structures", arguments.structure, "structure"),
    ):
        there = sorted({loss[key] for loss in losses.values()})
        if asked is not None and asked not in there:
            return f": the {plural} are {', '.join(there)}"
    return ""


def _table(found: Mapping[str, Any], folder: Path, console: Console) -> None:
    passing = {name: _passing(_accuracy(name, loss, folder)) for name, loss in found.items()}
    measured = any(passing.values())
    header = ["loss", "family", "structure", *(["pass"] if measured else []), "summary"]
    rows = []
    for name, loss in found.items():
        accuracy = [passing[name] or "-"] if measured else []
        rows.append([name, loss["family"], loss["structure"], *accuracy, loss["summary"]])
    console.table(header, rows, clip=True)


def _searched(name: str, loss: Mapping[str, Any]) -> str:
    """Everything that a person might look for."""
    peers = " ".join(f"{where} {what}" for where, what in loss["peers"].items())
    parts = (name, loss["family"], loss["structure"], loss["doc"], loss["source"], peers)
    return " ".join(parts).lower()


def _accuracy(name: str, loss: Mapping[str, Any], folder: Path) -> Mapping[str, Any] | None:
    """Return what was measured of the default variant; NumPy is not needed to know it."""
    default = next(one for one in loss["variants"] if not one["suffix"])
    found = read_certificate(record_path(folder, name, ""), default["fingerprint"])
    return None if found is None else found["outputs"]


def _passing(outputs: Mapping[str, Any] | None) -> str:
    """Return the share of points that pass, in the output and dtype where it is smallest."""
    shares = [one["failed"] for dtypes in (outputs or {}).values() for one in dtypes.values()]
    return percent(1 - max(shares)) if shares else ""


def _described(name: str, loss: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    kept = ("family", "structure", "summary", "source", "peers")
    return (
        {"name": name}
        | {key: loss[key] for key in kept}
        | {
            "variants": [variant["static"] for variant in loss["variants"]],
            "accuracy": _accuracy(name, loss, folder),
        }
    )


COMMAND = Command(
    name="list",
    summary="list the losses, or those that fit",
    run=run,
    arguments=(
        Argument(
            "words",
            "show losses with all these words in name, summary, source or names elsewhere; a path (with a /, "
            "or a .py file) is where your own are declared",
            "",
            {"nargs": "*", "metavar": "WORD|SPECS"},
        ),
        Argument("--family", "only this family", "family", {"metavar": "NAME"}),
        Argument("--structure", "only this structure", "structure", {"metavar": "NAME"}),
        flag("--names", "print names only, one on each line"),
        PACKAGE,
        JSON,
    ),
    about="The structure says what is coupled: nothing (elementwise), the entries of a row, all samples\n"
    "(reduce, pairwise), their order (sort), or steps of a sequence (recurrence). `pass` is the share of\n"
    "measured points that are good, in the output and dtype where it is smallest.",
    examples=(
        ("lossgen list", "all of them"),
        ("lossgen list entropy", "those that mention the word"),
        ("lossgen list --family regression", "one family"),
        ("lossgen list my_specs/", "your own declarations"),
        ("lossgen list --json", "for programs"),
    ),
)
