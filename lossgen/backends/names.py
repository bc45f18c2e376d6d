"""Names of the backends, without importing any: every folder beside this file."""

from __future__ import annotations

import pkgutil
from pathlib import Path

__all__ = ["PACKAGE", "backend_names"]

# The backend whose modules the generated Python package runs: manifest and stubs speak of them.
PACKAGE = "numba_cpu"


def backend_names() -> tuple[str, ...]:
    """Return the names of all backends, sorted."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return tuple(sorted(one.name for one in found if one.ispkg))
