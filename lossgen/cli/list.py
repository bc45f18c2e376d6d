"""``lossgen list``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from lossgen.cli.codes import Code
from lossgen.cli.command import JSON, Argument, Command, flag
from lossgen.cli.packages import PACKAGE, chosen_package
from lossgen.console import Console

__all__ = ["COMMAND"]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the losses that match; without any, answer that something is wrong, as `grep` does."""
    losses = chosen_package(arguments).manifest["losses"]
    words = [word.lower() for word in arguments.words]
    found = {
        name: loss
        for name, loss in sorted(losses.items())
        if arguments.family in (None, loss["family"])
        and arguments.structure in (None, loss["structure"])
        and all(word in _searched(name, loss) for word in words)
    }
    if arguments.json:
        console.json([_described(name, loss) for name, loss in found.items()])
    elif arguments.names:
        for name in found:
            console.line(name)
    else:
        _table(found, console)
        if not found:
            console.error("no loss fits; `lossgen list` shows them all")
    return Code.DONE if found else Code.WRONG


def _table(found: Mapping[str, Any], console: Console) -> None:
    measured = any(_worst(loss) is not None for loss in found.values())
    header = ["loss", "family", "structure", *(["worst ulp"] if measured else []), "summary"]
    rows = []
    for name, loss in found.items():
        worst = _worst(loss)
        accuracy = ["-" if worst is None else f"{worst:.2f}"] if measured else []
        rows.append([name, loss["family"], loss["structure"], *accuracy, loss["summary"]])
    console.table(header, rows, clip=True)


def _searched(name: str, loss: Mapping[str, Any]) -> str:
    """Everything that a person might look for."""
    peers = " ".join(f"{where} {what}" for where, what in loss["peers"].items())
    parts = (name, loss["family"], loss["structure"], loss["doc"], loss["source"], peers)
    return " ".join(parts).lower()


def _worst(loss: Mapping[str, Any]) -> float | None:
    """Return the largest recorded error of any output."""
    recorded = loss.get("accuracy") or {}
    found = [one["max_ulp"] for one in recorded.values() if isinstance(one, Mapping) and "max_ulp" in one]
    return max(found, default=None)


def _described(name: str, loss: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("family", "structure", "summary", "source", "peers")
    return (
        {"name": name}
        | {key: loss[key] for key in kept}
        | {
            "variants": [variant["static"] for variant in loss["variants"]],
            "accuracy": loss.get("accuracy"),
        }
    )


COMMAND = Command(
    name="list",
    summary="list the losses, or those that fit",
    run=run,
    arguments=(
        Argument(
            "words",
            "show losses with all these words in name, summary, source or names elsewhere",
            "",
            {"nargs": "*", "metavar": "WORD"},
        ),
        Argument("--family", "only this family", "family", {"metavar": "NAME"}),
        Argument("--structure", "only this structure", "structure", {"metavar": "NAME"}),
        flag("--names", "print names only, one on each line"),
        PACKAGE,
        JSON,
    ),
    about="The structure says what is coupled: nothing (elementwise), the entries of a row, all samples\n"
    "(reduce, pairwise), their order (sort), or steps of a sequence (recurrence).",
    examples=(
        ("lossgen list", "all of them"),
        ("lossgen list robust", "those that mention the word"),
        ("lossgen list --family regression", "one family"),
        ("lossgen list --json", "for programs"),
    ),
)
