"""The table of commands. A new command is a file and a row."""

from __future__ import annotations

from lossgen.cli import build, cache, list, verify

__all__ = ["COMMANDS"]

COMMANDS = (build.COMMAND, cache.COMMAND, list.COMMAND, verify.COMMAND)
