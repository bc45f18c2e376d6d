"""The table of commands. A new command is a file and a row."""

from __future__ import annotations

from lossgen.cli import build, cache, completion, doctor, explain, list, new, show, verify

__all__ = ["COMMANDS"]

_COMMANDS = (
    list.COMMAND,
    show.COMMAND,
    explain.COMMAND,
    new.COMMAND,
    build.COMMAND,
    verify.COMMAND,
    doctor.COMMAND,
    cache.COMMAND,
)
COMMANDS = (*_COMMANDS, completion.command(_COMMANDS))
