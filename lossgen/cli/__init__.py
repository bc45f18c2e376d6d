"""The command line: one command per file, listed in `lossgen.cli.table`."""

from lossgen.cli.entry import main

__all__ = ["main"]
