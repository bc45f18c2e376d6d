"""Who takes part: lossgen, the speed of memory, and whichever frameworks are installed."""

import importlib
from collections.abc import Callable

from benchmarks.cases import Case
from benchmarks.timing import Run

Maker = Callable[[Case], Run | None]

OURS = "lossgen"
FLOOR = "memory"

# Module and function that makes each contestant; a framework that is missing is told, not an error.
_MAKERS = {
    OURS: ("benchmarks.contestants.ours", "reused"),
    "lossgen, fresh": ("benchmarks.contestants.ours", "fresh"),
    FLOOR: ("benchmarks.contestants.memory", "stream"),
    "torch eager": ("benchmarks.contestants.pytorch", "eager"),
    "torch.compile": ("benchmarks.contestants.pytorch", "compiled"),
    "jax.jit": ("benchmarks.contestants.jax_jit", "jitted"),
}


def available() -> tuple[dict[str, Maker], dict[str, str]]:
    """Return the makers of those that can be imported, and why the others cannot."""
    found: dict[str, Maker] = {}
    missing: dict[str, str] = {}
    for name, (module, function) in _MAKERS.items():
        try:
            found[name] = getattr(importlib.import_module(module), function)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith(("benchmarks", "lossgen")):
                raise
            missing[name] = f"{error.name} is not installed"
    return found, missing
