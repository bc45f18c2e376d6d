"""The one way from the user side to the build side, which needs SymPy: declarations, and compiling them."""

from __future__ import annotations

import importlib
from typing import Any

from lossgen.errors import LossError

__all__ = ["ENTRY_POINT", "entry_point", "load_spec"]

# The only deferred import of the user side that goes up the layers.
ENTRY_POINT = "lossgen.pipeline.entry"


def entry_point(purpose: str) -> Any:
    """Return the module through which the build side is reached.

    Parameters
    ----------
    purpose : str
        What needs it, for the message.

    Raises
    ------
    LossError
        If the packages that the build side needs are not installed.
    """
    try:
        return importlib.import_module(ENTRY_POINT)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "lossgen":
            raise
        raise LossError(
            f"{purpose} needs {error.name}, which is missing: pip install 'lossgen[build]'"
        ) from error


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
        If the packages that declarations need are not installed, or the package has no declarations.
    """
    return entry_point(f"the declaration of {name}").load_spec(package, name)
