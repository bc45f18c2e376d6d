"""One line that says what takes so long: after the first second, and only where a person is watching."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.console import Console
from rich.status import Status

__all__ = ["Waiting"]

AFTER = 1.0


class Waiting:
    """Show a line on standard error while a ``with`` block runs.

    Parameters
    ----------
    message : str
        What is being done.
    began : float, optional
        When it began, on `time.monotonic`'s clock, if that was before.
    console : rich.console.Console, optional
        Where to show it; standard error if left out.
    """

    def __init__(self, message: str, began: float | None = None, console: Console | None = None) -> None:
        self._message = message
        self._began = time.monotonic() if began is None else began
        self._console = Console(stderr=True) if console is None else console
        self._lock = threading.Lock()
        self._status: Status | None = None
        self._over = False

    def __enter__(self) -> Waiting:
        if self._console.is_terminal or self._console.is_jupyter:
            self._timer = threading.Timer(max(0.0, self._began + AFTER - time.monotonic()), self._show)
            self._timer.daemon = True
            self._timer.start()
        return self

    def _show(self) -> None:
        with self._lock:
            if not self._over:
                self._status = self._console.status(self._message)
                self._status.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over = True
            if self._status is not None:
                self._status.stop()
