"""How many threads kernels may use: the setting alone, without Numba (see ``launch`` for its use)."""

from __future__ import annotations

import os
import platform
import sys
from types import TracebackType

from lossgen.errors import LossTypeError, LossValueError

__all__ = ["all_cores_are_ours", "in_forked_child", "requested_threads", "threads"]

ENVIRONMENT = "LOSSGEN_THREADS"
_CHOICES = 'use "all", "serial" or a positive integer'

# Innermost last. Process-wide, as thread counts are; an entry stays until its `with` block ends.
_active: list[threads] = []

_forked = False


def _mark_forked() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked)


def in_forked_child() -> bool:
    """Whether this process was forked after lossgen was imported, so that thread pools may be dead here."""
    return _forked


class threads:
    """Set the number of threads of large calls, for the process or for a ``with`` block.

    Results have the same bits for any number of threads. Small calls never use more than one. Without a
    setting, the environment variable ``LOSSGEN_THREADS`` counts, and without that all cores but one.

    Parameters
    ----------
    count : {"all", "serial"} or int
        All cores, for a machine that nobody else uses: threads spin while they wait. One thread, or that
        many, which wait quietly.

    Examples
    --------
    >>> import lossgen
    >>> with lossgen.threads(2):
    ...     pass  # calls here use up to two threads
    >>> setting = lossgen.threads("serial")  # from here on
    """

    def __init__(self, count: str | int) -> None:
        self.count = _checked(count, "threads()")
        self._entered = False
        # A plain call that a later plain call replaced can no longer matter: keep the list short.
        if len(_active) > 1 and not _active[-1]._entered and not _active[-2]._entered:
            del _active[-2]
        _active.append(self)

    def __enter__(self) -> threads:
        self._entered = True
        if self not in _active:  # the same object, entered a second time
            _active.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._entered = False
        if self in _active:
            _active.remove(self)

    def __repr__(self) -> str:
        return f"lossgen.threads({self.count!r})"


def _checked(count: object, source: str) -> str | int:
    if isinstance(count, str) and count in ("all", "serial"):
        return count
    if isinstance(count, bool) or not hasattr(count, "__index__"):
        kind = LossValueError if isinstance(count, str) else LossTypeError
        raise kind(f"{source} got {count!r}: {_CHOICES}")
    number = count.__index__()
    if number < 1:
        raise LossValueError(f"{source} got {number}: {_CHOICES}")
    return int(number)


def _from_environment() -> str | int | None:
    text = os.environ.get(ENVIRONMENT, "").strip()
    if not text:
        return None
    return _checked(int(text) if text.lstrip("+-").isdigit() else text, f"environment variable {ENVIRONMENT}")


def _setting() -> str | int | None:
    return _active[-1].count if _active else _from_environment()


def requested_threads(available: int) -> int:
    """Return the number of threads a large call should use, out of those available."""
    setting = _setting()
    if setting is None:
        # One core stays free for others. Only Linux on x86-64 is tested: elsewhere serial.
        tested = sys.platform == "linux" and platform.machine() in ("x86_64", "AMD64")
        return max(1, available - 1) if tested else 1
    if isinstance(setting, str):
        return available if setting == "all" else 1
    return min(setting, available)


def all_cores_are_ours() -> bool:
    """Whether the user has said so, so that threads may spin while they wait."""
    return _setting() == "all"
