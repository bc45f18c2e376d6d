"""``lossgen cache``."""

from __future__ import annotations

import argparse
import json

from lossgen.cli.codes import Code
from lossgen.cli.command import JSON, Command, flag
from lossgen.cli.text import counted
from lossgen.console import Console
from lossgen.runtime import store

__all__ = ["COMMAND"]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Say what is kept and where, or delete it."""
    usage = store.clear() if arguments.clear else store.usage()
    if arguments.json:
        folder = None if usage.folder is None else str(usage.folder)
        content = {"folder": folder, "problem": usage.problem, "kernels": usage.kernels, "bytes": usage.bytes}
        console.line(json.dumps(content | {"cleared": arguments.clear}))
    elif usage.folder is None:
        console.line(f"compiled formulas are kept in memory alone: {usage.problem}")
    else:
        done = "deleted" if arguments.clear else "kept"
        size = f"{usage.bytes / 2**20:.1f} of {store.MOST_BYTES / 2**20:.0f} MiB"
        console.line(f"{counted(usage.kernels, 'compiled formula')} {done} in {usage.folder} ({size})")
    return Code.DONE


COMMAND = Command(
    name="cache",
    summary="show or empty the cache of compiled formulas",
    run=run,
    arguments=(flag("--clear", "delete everything in it"), JSON),
    about=(
        "lossgen.compile keeps the kernels of formulas in a private folder, where LOSSGEN_CACHE_DIR says or\n"
        "in the user's cache folder. What has not been used for longest goes when it grows too large."
    ),
    examples=(
        ("lossgen cache", "where it is, and how large"),
        ("lossgen cache --clear", "start anew; formulas are compiled again when they are used"),
    ),
)
