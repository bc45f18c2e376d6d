"""The backends there are: every folder beside this file."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from lossgen.backends.base import Backend
from lossgen.errors import LossValueError

BACKENDS: dict[str, Backend] = {
    found.name: importlib.import_module(f"lossgen.backends.{found.name}").BACKEND
    for found in sorted(pkgutil.iter_modules([str(Path(__file__).parent)]), key=lambda found: found.name)
    if found.ispkg
}


def choose(names: tuple[str, ...] | None) -> tuple[Backend, ...]:
    """Return the backends of these names, or all."""
    for name in names or ():
        if name not in BACKENDS:
            raise LossValueError(f"no backend {name!r}: choose among {', '.join(BACKENDS)}")
    return tuple(BACKENDS[name] for name in names or BACKENDS)
