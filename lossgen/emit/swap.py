"""Put a folder in the place of another in one step, one process at a time."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["exclusive", "install", "sibling"]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def sibling(out: Path, what: str) -> Path:
    """Name a hidden companion of `out`, on the same file system so that renaming works."""
    return out.with_name(f".{out.name}.lossgen-{what}")


@contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Hold the lock of a tree or file; a second build waits. It dies with its process, killed or not."""
    if sys.platform == "win32":
        yield
        return
    path = sibling(out, "lock")
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)
        # The holder before us deleted the file on leaving: what we locked may have no name any more.
        if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
            break
        os.close(handle)
    try:
        _recover(out)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def install(out: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` build a new folder, then give it the name `out`. Call with the lock held."""
    fresh = sibling(out, "new")
    fresh.mkdir()
    try:
        fill(fresh)
        _flush(fresh)
        if out.is_dir():
            _exchange(fresh, out)
        else:
            fresh.rename(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Bring the files to disk before they get their final name, so that a power cut leaves no empty files."""
    for parent, _, names in os.walk(folder):
        for name in names:
            handle = os.open(Path(parent, name), os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)


def _exchange(fresh: Path, out: Path) -> None:
    """Swap two folders: atomically where the kernel can, else in two renames that `_recover` can finish."""
    if _rename_exchange(fresh, out):
        return
    backup = sibling(out, "old")
    try:
        out.rename(backup)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EBUSY):
            raise
        # A mount point, or a folder of a lower container layer: it cannot be renamed, only its files can.
        _replace_files(fresh, out)
        return
    fresh.rename(out)
    shutil.rmtree(backup, ignore_errors=True)


def _rename_exchange(first: Path, second: Path) -> bool:
    """Exchange two names by Linux's renameat2; False where it is missing or the file system refuses."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    code: int = rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    return code == 0


def _replace_files(fresh: Path, out: Path) -> None:
    """Replace file by file, each one atomically, then delete what is gone."""
    kept = set()
    for folder, _, names in os.walk(fresh):
        relative = Path(folder).relative_to(fresh)
        (out / relative).mkdir(exist_ok=True)
        for name in names:
            kept.add(relative / name)
            os.replace(Path(folder, name), out / relative / name)
    for path in sorted(out.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(out) not in kept:
            path.unlink()


def _recover(out: Path) -> None:
    """Clean up after a build that was killed."""
    backup = sibling(out, "old")
    if backup.is_dir():
        if out.exists():
            shutil.rmtree(backup, ignore_errors=True)
        else:
            backup.rename(out)
    shutil.rmtree(sibling(out, "new"), ignore_errors=True)
