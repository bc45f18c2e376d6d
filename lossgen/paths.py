"""Where the data that belongs to lossgen lies: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

__all__ = ["generated_folder", "losses_folder", "package_folder", "specs_folder", "templates_folder"]

_PACKAGE = Path(__file__).resolve().parent


def _data_folder(name: str) -> Path:
    # A wheel carries the folders as package data. A checkout (also an editable install) has no such copy
    # and uses the folders at its root, so that a rebuild is seen at once.
    packaged = _PACKAGE / "_data" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def generated_folder() -> Path:
    """Folder of the generated kernels and their manifest."""
    return _data_folder("generated")


def specs_folder() -> Path:
    """Folder of the loss declarations."""
    return _data_folder("specs")


def templates_folder() -> Path:
    """Folder of the templates of generated files."""
    return _data_folder("templates")


def losses_folder() -> Path:
    """Folder of the package `lossgen.losses`, whose stub is generated."""
    return _PACKAGE / "losses"


def package_folder() -> Path:
    """Folder of lossgen's own sources."""
    return _PACKAGE
