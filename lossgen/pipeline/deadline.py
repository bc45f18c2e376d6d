"""A limit on how long a piece of work may take, in any thread."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from lossgen.errors import LossError

__all__ = ["limited"]

Result = TypeVar("Result")
# How long an exception that was sent may be on its way; it arrives at the next instruction of Python.
_DELIVERY = 1.0


class _ExpiredError(BaseException):
    """Raised inside the work; not an Exception, so that no handler in it takes it for its own."""


class _Alarm:
    """Sends the exception to a thread after some seconds, unless it was switched off before."""

    def __init__(self, seconds: float) -> None:
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._off = self._fired = False
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True

    def start(self) -> None:
        self._timer.start()

    def _fire(self) -> None:
        with self._lock:
            if not self._off:
                self._fired = True
                set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
                set_exception(ctypes.c_ulong(self._thread), ctypes.py_object(_ExpiredError))

    def switch_off(self) -> None:
        """Make sure that nothing arrives any more; what was sent already arrives here."""
        with self._lock:
            self._off = True
        self._timer.cancel()
        if self._fired:
            end = time.monotonic() + _DELIVERY
            while time.monotonic() < end:
                time.sleep(0.001)
            raise _ExpiredError  # it arrived in the work, where something caught it


def limited(seconds: float, message: str, work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or give it up after some seconds.

    The work must be Python code: the exception that ends it is delivered between two of its instructions.

    Raises
    ------
    LossError
        With `message`, if the work took longer.
    """
    alarm = _Alarm(seconds)
    arrived = False
    try:
        try:
            alarm.start()
            return work()
        except _ExpiredError:
            arrived = True
            raise
        finally:
            if not arrived:
                alarm.switch_off()
    except _ExpiredError:
        raise LossError(message) from None
