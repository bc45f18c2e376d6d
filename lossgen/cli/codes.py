"""Exit codes, the same for every command."""

from __future__ import annotations

from enum import IntEnum

from lossgen.errors import LossError, LossValueError

__all__ = ["Code", "MissingError", "UsageError"]


class Code(IntEnum):
    """What a command answers to the shell."""

    DONE = 0
    WRONG = 1
    USAGE = 2
    MISSING = 3
    LIMIT = 4
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """What the code says, for ``--help``."""
        return _MEANINGS[self]


_MEANINGS = {
    Code.DONE: "done, and nothing is wrong",
    Code.WRONG: "something is wrong: a mistake in a spec, files that are not current, points that fail",
    Code.USAGE: "the command was misused: an unknown option, loss or backend",
    Code.MISSING: "something is not installed here; the message says what to install",
    Code.LIMIT: "the generator cannot do this, or has a bug; LOSSGEN_DEBUG=1 shows where",
    Code.INTERRUPTED: "interrupted; nothing was changed",
}


class UsageError(LossValueError):
    """An argument of a command that cannot be meant."""


class MissingError(LossError):
    """A package that this command needs and that is not installed."""
