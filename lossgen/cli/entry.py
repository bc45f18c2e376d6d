"""``main()``: read the arguments, run one command, turn what goes wrong into a line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from lossgen.cli.codes import Code, MissingError, UsageError
from lossgen.cli.parser import parser
from lossgen.cli.table import COMMANDS
from lossgen.console import Console
from lossgen.errors import LossError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (see `lossgen.cli.codes`)."""
    arguments = parser(COMMANDS).parse_args(argv)
    console = Console()
    try:
        code: int = arguments.run(arguments, console)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader (`head`, a pager) has left: Python must not complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Code.DONE
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("LOSSGEN_DEBUG"):
            raise
        code, said = _answer(error)
        console.error(said)
        return code


def _answer(error: BaseException) -> tuple[Code, str]:
    """Say what went wrong: nobody who types a command should have to read a traceback."""
    if isinstance(error, KeyboardInterrupt):
        return Code.INTERRUPTED, "interrupted; nothing was changed"
    if isinstance(error, UsageError):
        return Code.USAGE, str(error)
    if isinstance(error, MissingError):
        return Code.MISSING, str(error)
    if isinstance(error, LossError):
        return Code.WRONG, str(error)
    if isinstance(error, OSError):
        return Code.WRONG, f"{error.filename or 'a file'}: {error.strerror or error}"
    if isinstance(error, NotImplementedError):
        # A legal declaration that asks for more than the generator can do: the limit is ours, not a crash.
        return Code.LIMIT, f"the generator cannot do this: {error}"
    return Code.LIMIT, f"internal error, {type(error).__name__}: {error} (LOSSGEN_DEBUG=1 shows where)"
