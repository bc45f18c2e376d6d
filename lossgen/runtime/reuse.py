"""How much memory of earlier results is kept for later ones: the setting alone, without NumPy."""

from __future__ import annotations

import os
from collections.abc import Callable

from lossgen.errors import LossTypeError, LossValueError

__all__ = ["limit", "on_change", "reuse_memory"]

ENVIRONMENT = "LOSSGEN_REUSE_MEMORY"
_DEFAULT = 2**28

_chosen: int | None = None
_listeners: list[Callable[[], None]] = []


def reuse_memory(most: int) -> None:
    """Set how many bytes of large results are kept, in this process, when nobody holds the results any more.

    Results of 32 MiB and more are made in memory of earlier ones, because the system takes longer to clear
    new memory than most kernels to fill it. Memory is never used again while an array in it, or a view of
    one, is held. Without a setting, the environment variable ``LOSSGEN_REUSE_MEMORY`` counts, and without
    that 256 MiB.

    Parameters
    ----------
    most : int
        Number of bytes. With 0 nothing is kept, and what was kept is given back.

    Examples
    --------
    >>> import lossgen
    >>> lossgen.reuse_memory(2**30)
    """
    global _chosen
    _chosen = _checked(most, "reuse_memory()")
    for listener in _listeners:
        listener()


def limit() -> int:
    """Return how many bytes may be kept."""
    if _chosen is not None:
        return _chosen
    text = os.environ.get(ENVIRONMENT, "").strip()
    if not text:
        return _DEFAULT
    return _checked(int(text) if text.lstrip("+-").isdigit() else text, f"environment variable {ENVIRONMENT}")


def on_change(listener: Callable[[], None]) -> None:
    """Have a function called when the limit has changed."""
    _listeners.append(listener)


def _checked(most: object, source: str) -> int:
    fix = "pass a number of bytes, 0 to keep none"
    if isinstance(most, bool) or not hasattr(most, "__index__"):
        kind = LossValueError if isinstance(most, str) else LossTypeError
        raise kind(f"{source} got {most!r}: {fix}")
    number = int(most.__index__())
    if number < 0:
        raise LossValueError(f"{source} got {number}: {fix}")
    return number
