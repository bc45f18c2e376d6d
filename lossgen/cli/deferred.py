"""Modules that take long to import, or need packages that users of losses may not have."""

from __future__ import annotations

import importlib
from types import ModuleType

from lossgen.cli.codes import MissingError

__all__ = ["build_side", "user_side"]


def build_side(module: str) -> ModuleType:
    """Import a module that needs SymPy: deferred, so that other commands work without it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "lossgen":
            raise
        raise MissingError(
            f"this command needs {error.name}, which is not installed: pip install 'lossgen[build]'"
        ) from error


def user_side(module: str) -> ModuleType:
    """Import a module that takes its time: deferred, so that `lossgen --help` is there at once."""
    return importlib.import_module(module)
