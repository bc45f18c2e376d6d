"""Expose the losses of a generated package lazily, by the names in its manifest."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lossgen.errors import LossError
from lossgen.runtime.abi import check_abi

__all__ = ["LossPackage", "expose", "load_loss"]

# Loading this module brings NumPy, so it happens when the first loss is looked up, not at import.
_LOSS_MODULE = "lossgen.runtime.loss"


class LossPackage:
    """The losses and helpers of one generated package, each made on first use.

    Parameters
    ----------
    name : str
        Import name of the package.
    folder : str or Path
        Where its ``manifest.json`` lies.
    """

    def __init__(self, name: str, folder: str | Path) -> None:
        self.name = name
        self.folder = Path(folder)
        self._manifest: dict[str, Any] | None = None
        self._objects: dict[str, Any] = {}

    @property
    def manifest(self) -> dict[str, Any]:
        """The parsed manifest, read on first use."""
        if self._manifest is None:
            path = self.folder / "manifest.json"
            try:
                manifest = json.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                raise LossError(
                    f"{self.name} has no kernels yet ({path} is missing): run lossgen build"
                ) from None
            check_abi(manifest["abi"], self.name)
            self._manifest = manifest
        return self._manifest

    @property
    def names(self) -> list[str]:
        """Names of the losses and helpers, sorted."""
        return sorted([*self.manifest["losses"], *self.manifest.get("helpers", {})])

    def get(self, name: str) -> Any:
        """Return a loss or helper by name; KeyError if there is none."""
        if name not in self._objects:
            manifest = self.manifest
            if name in manifest["losses"]:
                loss_type = importlib.import_module(_LOSS_MODULE).Loss
                made = loss_type(self.name, name, manifest["losses"][name], self.folder)
            else:
                helper = manifest.get("helpers", {})[name]
                made = getattr(importlib.import_module(f"{self.name}.{helper['module']}"), name)
            # setdefault: two threads that race here must end with the same object.
            self._objects.setdefault(name, made)
        return self._objects[name]

    def all(self) -> Mapping[str, Any]:
        """Return all losses as a read-only mapping from name to loss."""
        return MappingProxyType({name: self.get(name) for name in sorted(self.manifest["losses"])})


def expose(package: str, folder: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for the ``__init__`` of a generated package.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    folder : str
        The folder that holds its manifest.
    """
    losses = LossPackage(package, folder)

    def module_getattr(name: str) -> Any:
        if name == "all":
            return losses.all
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if name == "__all__":
            return [*losses.names, "all"]
        try:
            return losses.get(name)
        except KeyError:
            raise AttributeError(_missing(package, name, losses.names), name=name) from None

    def module_dir() -> list[str]:
        return [*losses.names, "all"]

    return module_getattr, module_dir


def _missing(package: str, name: str, names: list[str]) -> str:
    difflib = importlib.import_module("difflib")  # 10 ms, needed for this message only
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; {package}.all() lists the losses"
    return f"module {package!r} has no loss {name!r}{hint}"


def load_loss(package: str, name: str) -> Any:
    """Import a package and return its loss: what an unpickled loss is."""
    return getattr(importlib.import_module(package), name)
