"""What else goes on in the machine while a call is timed."""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Threads of OpenMP were seen to spin for 8 ms after the last call.
PAUSE = 0.02


@dataclass(frozen=True)
class Condition:
    """What happens around the calls.

    Attributes
    ----------
    name : str
        In a few words.
    pause : float
        Seconds before each turn, after which threads of whoever ran before no longer spin.
    before : callable
        Runs before each sample.
    meanwhile : callable
        Gives what is entered for all of it.
    """

    name: str
    pause: float = PAUSE
    before: Callable[[], object] = lambda: None
    meanwhile: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext


@contextlib.contextmanager
def _busy_core() -> Iterator[None]:
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        child.kill()
        child.wait()


def _after_torch() -> Iterator[Condition]:
    if importlib.util.find_spec("torch"):
        torch = importlib.import_module("torch")
        x = torch.ones(2**20)
        yield Condition("after torch", 0.0, lambda: torch.exp(x))


QUIET = Condition("quiet")
BUSY = Condition("busy core", meanwhile=_busy_core)


def disturbances() -> list[Condition]:
    """Return the conditions beside the quiet one that can be made here."""
    return [*_after_torch(), BUSY]
