"""The one way from the user side to the build side, which needs SymPy: ``L.<loss>.spec``."""

from __future__ import annotations

import importlib
from typing import Any

from lossgen.errors import LossError

__all__ = ["ENTRY_POINT", "load_spec"]

# The only deferred import of the user side that goes up the layers.
ENTRY_POINT = "lossgen.pipeline.entry"


def load_spec(package: str, name: str) -> Any:
    """Return the declaration of a loss.

    Parameters
    ----------
    package : str
        Import name of the generated package.
    name : str
        Name of the loss.

    Raises
    ------
    LossError
        If the packages that declarations need are not installed.
    """
    try:
        entry = importlib.import_module(ENTRY_POINT)
    except ModuleNotFoundError as error:
        raise LossError(
            f"the declaration of {name} needs {error.name}, which is missing: pip install 'lossgen[build]'"
        ) from error
    return entry.load_spec(package, name)
