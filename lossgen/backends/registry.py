"""The backends there are: every folder beside this file."""

from __future__ import annotations

import importlib

from lossgen.backends.base import Backend
from lossgen.backends.names import backend_names
from lossgen.errors import LossValueError

BACKENDS: dict[str, Backend] = {
    name: importlib.import_module(f"lossgen.backends.{name}").BACKEND for name in backend_names()
}


def choose(names: tuple[str, ...] | None) -> tuple[Backend, ...]:
    """Return the backends of these names, or all."""
    for name in names or ():
        if name not in BACKENDS:
            raise LossValueError(f"no backend {name!r}: choose among {', '.join(BACKENDS)}")
    return tuple(BACKENDS[name] for name in names or BACKENDS)
