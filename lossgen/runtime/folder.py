"""The private folder in which compiled kernels are kept between processes.

Kernels are code: what another user could have written there must never be run.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

__all__ = ["ENVIRONMENT", "Folder", "find_folder"]

ENVIRONMENT = "LOSSGEN_CACHE_DIR"
# The folder itself is ours alone; the one that the variable names may hold other things.
_NAME = "kernels"


class Folder:
    """Where kernels are kept, or why nowhere.

    Attributes
    ----------
    path : Path or None
        The folder, if it can be trusted.
    problem : str
        Why it cannot be used; empty if it can.
    """

    def __init__(self, path: Path | None, problem: str = "") -> None:
        self.path = path
        self.problem = problem


def find_folder() -> Folder:
    """Return the folder of this user, made if it was missing."""
    root = _root()
    if root is None:
        return Folder(None, f"there is no home folder: set {ENVIRONMENT}")
    path = root / _NAME
    try:
        root.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        problem = _distrust(path)
    except OSError as error:
        problem = f"{path}: {error.strerror}"
    return Folder(None, problem) if problem else Folder(path)


def _root() -> Path | None:
    given = os.environ.get(ENVIRONMENT)
    if given:
        return Path(given).expanduser().absolute()
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "lossgen"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "lossgen"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "lossgen"


def _distrust(path: Path) -> str:
    """Return why a folder must not be used; close it to others where that is all it takes."""
    if sys.platform == "win32":
        return ""
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return f"{path} is no folder"
    if status.st_uid != os.getuid():
        return f"{path} belongs to another user"
    if status.st_mode & 0o022:
        return f"{path} could be written by others: delete it"
    if status.st_mode & 0o077:
        path.chmod(0o700)
    return ""
