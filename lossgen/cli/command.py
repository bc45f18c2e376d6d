"""What a command is: data from which the parser, the help and the completion of shells are made."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lossgen.console import Console

__all__ = ["JSON", "Argument", "Command", "flag", "names", "positive"]


@dataclass(frozen=True)
class Argument:
    """One argument of a command.

    Attributes
    ----------
    name : str
        ``names`` for a positional argument, ``--jobs`` for an option.
    help : str
        What it does, in a few words.
    completes : str
        What a shell offers for it: ``loss or path``, ``path``, ``folder``, ``backend``, ``family``,
        ``structure``, or nothing.
    options : mapping
        What else `argparse` is told.
    """

    name: str
    help: str
    completes: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def positional(self) -> bool:
        return not self.name.startswith("-")

    @property
    def takes_value(self) -> bool:
        return self.options.get("action") != "store_true"

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(map(str, self.options.get("choices", ())))


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes
    ----------
    name, summary : str
        What is typed, and what it does in one line.
    run : callable
        Does it; returns the exit code.
    arguments : tuple of Argument
        What it takes.
    about : str
        What one should know before using it.
    examples : tuple of (str, str)
        Commands as typed, and what each does.
    """

    name: str
    summary: str
    run: Callable[[argparse.Namespace, Console], int]
    arguments: tuple[Argument, ...] = ()
    about: str = ""
    examples: tuple[tuple[str, str], ...] = ()


def flag(name: str, text: str) -> Argument:
    """Return an option without a value."""
    return Argument(name, text, options={"action": "store_true"})


JSON = flag("--json", "print JSON for programs instead of text")


def names(text: str) -> tuple[str, ...]:
    """Read names separated by commas."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise argparse.ArgumentTypeError("give at least one name; several are separated by commas")
    return found


def positive(text: str) -> int:
    """Read a positive whole number."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return number
