"""What compiled kernels depend on, as one key. SymPy is not needed to know it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from lossgen.paths import package_folder, specs_folder, templates_folder
from lossgen.runtime.abi import RUNTIME_ABI
from lossgen.version import __version__

__all__ = ["key_of"]

# The layers whose code decides what is generated; helper functions and their text are among them.
_GENERATOR = ("algebra", "spec", "derive", "stabilize", "lower", "backends", "emit", "pipeline")


def key_of(identity: dict[str, Any]) -> str:
    """Return the key of kernels: a hash of what they are made from and of what makes them.

    Parameters
    ----------
    identity : dict
        What is compiled, as plain data: text, domains, defaults, static choices.
    """
    content = json.dumps([identity, generator()], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _files(folder: str) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        yield from (os.path.join(parent, name) for name in names if name.endswith((".py", ".j2")))


@cache
def generator() -> str:
    """Return a hash of the generator, its templates and the shipped declarations."""
    digest = hashlib.sha256(f"{__version__} {RUNTIME_ABI}".encode())
    folders = [*(package_folder() / name for name in _GENERATOR), templates_folder(), specs_folder()]
    for folder in folders:
        above = len(str(folder.parent)) + 1
        for path in sorted(_files(str(folder))):
            with open(path, "rb") as stream:
                data = stream.read()
            digest.update(f"{path[above:]} {len(data)}\n".encode())
            digest.update(data)
    return digest.hexdigest()
