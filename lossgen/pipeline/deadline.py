"""A limit on how long a piece of work may take, in any thread."""

from __future__ import annotations

import ctypes
import threading
import time
from types import TracebackType

from lossgen.errors import LossError

__all__ = ["Deadline"]


class _ExpiredError(BaseException):
    """Raised inside the work; not an Exception, so that no handler in it takes it for its own."""


class Deadline:
    """Stop the work of a ``with`` block after some seconds, with a `LossError`.

    The work must be Python code: the exception is delivered between two of its instructions.

    Parameters
    ----------
    seconds : float
        The limit.
    message : str
        What the error says.
    """

    def __init__(self, seconds: float, message: str) -> None:
        self._seconds, self._message = seconds, message
        self._lock = threading.Lock()
        self._thread = 0
        self._over = False
        self._fired = False

    def __enter__(self) -> Deadline:
        self._thread = threading.get_ident()
        self._timer = threading.Timer(self._seconds, self._fire)
        self._timer.daemon = True
        self._timer.start()
        return self

    def _fire(self) -> None:
        with self._lock:
            if not self._over:
                self._fired = True
                _raise_in(self._thread, ctypes.py_object(_ExpiredError))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over = True
        self._timer.cancel()
        if not self._fired:
            return
        if not isinstance(error, _ExpiredError):
            # It was sent as the work ended and has not arrived yet: take delivery here, not in the caller.
            try:
                while True:
                    time.sleep(0.001)
            except _ExpiredError:
                pass
        raise LossError(self._message) from None


def _raise_in(thread: int, exception: object) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), exception)
