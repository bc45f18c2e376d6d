"""Compiled kernels by key: in memory for this process, on disk for the next ones.

Each key has a folder of its own, which holds the generated module, what the runtime must know about it, and
Numba's machine code. A folder gets its name when it is complete, and is used only if its hash is right: a
reader finds all of it or nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from lossgen.runtime.folder import find_folder

__all__ = ["Record", "Usage", "clear", "find", "keep", "usage"]

# Beyond this many bytes the kernels go that have not been used for longest.
MOST_BYTES = 512 * 2**20
# Compiled formulas that a process remembers; the modules of those in use stay loaded anyway.
_MOST_REMEMBERED = 512
_KERNELS, _ENTRY = "kernels.py", "entry.json"
# Half-written and deleted folders, which no key looks like.
_PASSING = "."

_remembered: OrderedDict[str, Record] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class Record:
    """Kernels and what is known about them.

    Attributes
    ----------
    key : str
        What they are found by.
    entry : dict
        A loss of a manifest.
    text : str
        The generated module.
    path : Path or None
        The file that holds `text`, if one does.
    """

    key: str
    entry: dict[str, Any]
    text: str
    path: Path | None

    @property
    def module(self) -> str:
        """Import name of the kernels, loaded on first use."""
        name = f"lossgen_compiled_{self.key}"
        with _lock:
            if name not in sys.modules:
                sys.modules[name] = self._load(name)
        return name

    def note(self, name: str, text: str) -> None:
        """Keep another file beside the kernels, where they are on disk and that can be written."""
        if self.path is None:
            return
        fresh = self.path.with_name(f"{_PASSING}{name}-{os.urandom(8).hex()}")
        with suppress(OSError):
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.path.with_name(name))

    def _load(self, name: str) -> ModuleType:
        # What runs is the text whose hash was checked. Numba keeps machine code beside a file that exists.
        path = self.path if self.path is not None and self.path.is_file() else None
        file = f"<{name}>" if path is None else str(path)
        module = ModuleType(name)
        module.__file__ = file
        # Kernels that Numba loads from disk look their module up by name while it is still being executed.
        sys.modules[name] = module
        try:
            exec(compile(self.text, file, "exec"), module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
        return module


@dataclass(frozen=True)
class Usage:
    """What the folder holds.

    Attributes
    ----------
    folder : Path or None
        Where kernels are kept; None if they are kept in memory alone.
    problem : str
        Why there is no folder.
    kernels, bytes : int
        How many compiled formulas, and how much they take with their machine code.
    """

    folder: Path | None
    problem: str
    kernels: int
    bytes: int


def find(key: str) -> Record | None:
    """Return the kernels of a key, if they are remembered or lie complete on disk."""
    with _lock:
        record = _remembered.get(key)
        if record is not None:
            _remembered.move_to_end(key)
            return record
    folder = find_folder().path
    record = None if folder is None else _read(key, folder / key)
    if record is not None:
        _remember(record)
    return record


def keep(key: str, entry: dict[str, Any], text: str) -> Record:
    """Keep kernels under a key; in memory alone where no folder can be written."""
    # Through JSON, so that the first process sees exactly what later ones read.
    entry = json.loads(json.dumps(entry))
    folder = find_folder().path
    path = None if folder is None else _write(key, entry, text, folder)
    record = Record(key, entry, text, path)
    _remember(record)
    return record


def usage() -> Usage:
    """Count what is kept on disk."""
    found = find_folder()
    sizes = [] if found.path is None else [_size(folder) for folder in _folders(found.path)]
    return Usage(found.path, found.problem, len(sizes), sum(sizes))


def clear() -> Usage:
    """Forget all kernels and delete them from disk; return what there was."""
    before = usage()
    with _lock:
        _remembered.clear()
    if before.folder is not None:
        for folder in list(before.folder.iterdir()):
            _delete(folder)
    return before


def _remember(record: Record) -> None:
    with _lock:
        _remembered[record.key] = record
        while len(_remembered) > _MOST_REMEMBERED:
            _remembered.popitem(last=False)


def _digest(entry: dict[str, Any], text: str) -> str:
    content = json.dumps([entry, text], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _read(key: str, folder: Path) -> Record | None:
    if not folder.is_dir():
        return None
    try:
        content = json.loads((folder / _ENTRY).read_text(encoding="utf-8"))
        text = (folder / _KERNELS).read_text(encoding="utf-8")
        if content["digest"] == _digest(content["entry"], text):
            _touch(folder / _ENTRY)
            return Record(key, content["entry"], text, folder / _KERNELS)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    _delete(folder)  # damaged: it is made again
    return None


def _touch(path: Path) -> None:
    """Note that it was used now; a folder that may only be read needs no order of use."""
    with suppress(OSError):
        os.utime(path)


def _write(key: str, entry: dict[str, Any], text: str, folder: Path) -> Path | None:
    fresh = folder / f"{_PASSING}{key[:12]}-{os.urandom(8).hex()}"
    try:
        fresh.mkdir(mode=0o700)
        (fresh / _KERNELS).write_text(text, encoding="utf-8")
        content = json.dumps({"digest": _digest(entry, text), "entry": entry}, indent=1)
        (fresh / _ENTRY).write_text(content, encoding="utf-8")
        fresh.rename(folder / key)
    except OSError:
        # Another process was first, or the disk is full or read-only.
        _empty(fresh)
        same = _read(key, folder / key)
        return None if same is None or same.text != text else same.path
    _shrink(folder, keep=key)
    return folder / key / _KERNELS


def _folders(folder: Path) -> Iterator[Path]:
    try:
        found = list(folder.iterdir())
    except OSError:
        return
    yield from (one for one in found if not one.name.startswith(_PASSING) and one.is_dir())


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(parent, name).lstat().st_size
    return total


def _shrink(folder: Path, keep: str) -> None:
    sizes = {one: _size(one) for one in _folders(folder)}
    total = sum(sizes.values())
    if total <= MOST_BYTES:
        return
    for one in sorted(sizes, key=_last_use):
        if one.name != keep:
            _delete(one)
            total -= sizes[one]
            if total <= MOST_BYTES:
                return


def _last_use(folder: Path) -> float:
    try:
        return (folder / _ENTRY).stat().st_mtime
    except OSError:
        return 0.0


def _delete(folder: Path) -> None:
    """Delete a folder under another name, so that nobody finds it half deleted."""
    gone = folder.with_name(f"{_PASSING}gone-{os.urandom(8).hex()}")
    try:
        folder.rename(gone)
    except OSError:
        gone = folder
    _empty(gone)


def _empty(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as possible (`shutil` would take 5 ms to import)."""
    for parent, folders, names in os.walk(folder, topdown=False):
        for name in (*names, *folders):
            path = Path(parent, name)
            with suppress(OSError):
                (path.rmdir if path.is_dir() and not path.is_symlink() else path.unlink)()
    with suppress(OSError):
        (folder.rmdir if folder.is_dir() and not folder.is_symlink() else folder.unlink)()
