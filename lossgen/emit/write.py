"""Write a generated tree so that a reader sees the old one or the new one, never a mixture.

The new tree is built in a hidden folder beside the old one and takes its name in one system call. Files
whose bytes did not change, and Numba's caches, are hard-linked across: their time stamps stay, so warm caches
stay warm.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from lossgen.emit.swap import exclusive, install, sibling
from lossgen.errors import LossValueError

__all__ = ["check_tree", "is_generated", "tree_files", "write_file", "write_tree"]

_CACHES = "__pycache__"
_HEAD_BYTES = 2048


def is_generated(name: str, head: bytes) -> bool:
    """Say whether a file was written by lossgen, from its relative path and its first bytes.

    Every generated file says "do not edit" near its top, except package markers (empty) and JSON, which has
    no comments and names the generator instead.
    """
    if not head.strip():
        return name.endswith("__init__.py")
    text = head.decode("utf-8", "replace").lower()
    return "lossgen" in text and ("do not edit" in text or '"generator"' in text)


def write_tree(
    files: Mapping[str, str],
    out: Path,
    within: Callable[[str], bool] = lambda name: True,
) -> tuple[list[Path], list[Path]]:
    """Make `out` hold exactly `files`, atomically; return what was written and which orphans were deleted.

    Parameters
    ----------
    files
        Text of each file by its path relative to `out`, with forward slashes.
    out
        The folder. It may be missing or empty; a file in it that lossgen did not write is an error, because
        the whole folder is replaced.
    within
        Decides from a file's relative path whether it is of this build; what is not stays as it is.

    Returns
    -------
    written, orphans
        Absolute paths of new or changed files, and of files deleted because nothing generates them any more.
    """
    out = out.resolve()
    contents = _encoded(files)
    out.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(out):
        there = set(tree_files(out))
        present = set(filter(within, there))
        changed = sorted(name for name, data in contents.items() if _read(out / name) != data)
        orphans = sorted(present - contents.keys())
        _refuse_foreign(out, [name for name in (*changed, *orphans) if name in present])
        if changed or orphans or not out.is_dir():
            install(out, lambda fresh: _fill(fresh, out, contents, set(changed), there - present))
    return [out / name for name in changed], [out / name for name in orphans]


def write_file(text: str, path: Path) -> bool:
    """Make a file hold `text`, atomically; return whether its bytes changed."""
    data = text.encode("utf-8")
    if _read(path) == data:
        return False
    with exclusive(path):
        fresh = sibling(path, "new")
        fresh.write_bytes(data)
        fresh.replace(path)
    return True


def check_tree(
    files: Mapping[str, str],
    out: Path,
    within: Callable[[str], bool] = lambda name: True,
) -> tuple[list[Path], list[Path]]:
    """Compare, writing nothing: return files that are missing or differ, and generated ones nobody makes."""
    out = out.resolve()
    contents = _encoded(files)
    stale = [out / name for name, data in sorted(contents.items()) if _read(out / name) != data]
    leftover = sorted(set(filter(within, tree_files(out))) - contents.keys())
    return stale, [out / name for name in leftover if is_generated(name, _head(out / name))]


def _encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    """Encode the texts, refusing paths that would leave the tree."""
    for name in files:
        parts = name.split("/")
        if name.startswith("/") or any(part in ("", ".", "..") for part in parts):
            raise LossValueError(f"generated path {name!r} leaves the output folder: use plain names")
    return {name: text.encode("utf-8") for name, text in files.items()}


def tree_files(out: Path) -> Iterator[str]:
    """Relative paths of all files but caches and hidden files (editors and file managers drop those)."""
    for folder, subfolders, names in os.walk(out):
        subfolders[:] = [name for name in subfolders if name != _CACHES]
        for name in names:
            if not name.startswith("."):
                yield Path(folder, name).relative_to(out).as_posix()


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_HEAD_BYTES)


def _refuse_foreign(out: Path, names: list[str]) -> None:
    """Never delete or overwrite what somebody else wrote."""
    foreign = sorted(name for name in names if not is_generated(name, _head(out / name)))
    if foreign:
        shown = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else "")
        raise LossValueError(
            f"out={str(out)!r} holds files that lossgen did not write ({shown}): choose a new or empty folder"
        )


def _fill(fresh: Path, old: Path, contents: Mapping[str, bytes], changed: set[str], others: set[str]) -> None:
    """Build the new tree in `fresh`, linking from `old` whatever stays."""
    for name in (*contents, *others):
        target = fresh / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in changed:
            target.write_bytes(contents[name])
        else:
            _link(old / name, target)
    for folder, _, names in os.walk(old):
        kept = fresh / Path(folder).relative_to(old)
        for name in names:
            if Path(folder).name == _CACHES and kept.parent.is_dir():
                kept.mkdir(exist_ok=True)
                _link(Path(folder, name), kept / name)
            elif name.startswith(".") and kept.is_dir():
                _link(Path(folder, name), kept / name)


def _link(source: Path, target: Path) -> None:
    """Hard-link, or copy with time stamps where that is impossible; a file that has just gone is no error."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        return
    except OSError:
        shutil.copy2(source, target)
