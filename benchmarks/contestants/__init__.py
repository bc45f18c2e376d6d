"""Who takes part: lossgen, the speed of memory, NumPy, and whichever frameworks are installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.cases import Case
from benchmarks.timing import Run

# Gives the prepared call on these inputs, or None where the contestant has no such loss.
Maker = Callable[[Case, Mapping[str, Any]], Run | None]

OURS, FRESH, ALL, ALL_FRESH = "lossgen", "lossgen, fresh", "lossgen, all", "lossgen, all, fresh"
FLOOR = "memory"
COMPILED = "torch.compile"

# Module and function that makes each contestant; a framework that is missing is told, not an error.
_MAKERS = {
    OURS: ("ours", "reused"),
    FRESH: ("ours", "fresh"),
    ALL: ("ours", "reused_all"),
    ALL_FRESH: ("ours", "fresh_all"),
    FLOOR: ("memory", "stream"),
    "torch eager": ("pytorch", "eager"),
    COMPILED: ("pytorch", "compiled"),
    "jax.jit": ("with_jax", "jitted"),
    "optax": ("with_jax", "optax"),
    "scikit-learn": ("with_sklearn", "cython"),
    "NumPy": ("naive", "naive"),
}
# Those that ours are compared with.
FRAMEWORKS = ("torch eager", COMPILED, "jax.jit", "optax", "scikit-learn")


def available() -> tuple[dict[str, Maker], dict[str, str]]:
    """Return the makers of those that can be imported, and why the others cannot."""
    found: dict[str, Maker] = {}
    missing: dict[str, str] = {}
    for name, (module, function) in _MAKERS.items():
        try:
            found[name] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith(("benchmarks", "lossgen")):
                raise
            missing[name] = f"{error.name} is not installed"
    return found, missing
