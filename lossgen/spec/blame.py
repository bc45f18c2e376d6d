"""Where in the author's file a mistake is."""

from __future__ import annotations

from pathlib import Path

__all__ = ["line_in"]


def line_in(error: BaseException, file: str | Path) -> int | None:
    """Return the innermost line of `file` that an exception passed on its way, if there is one."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == Path(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
