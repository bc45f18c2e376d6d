"""Hashes of everything that a build reads: what has the same hash gives the same files.

Nothing here imports SymPy: to find that there is nothing to do must take no time.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lossgen.emit.accuracy import REASONS
from lossgen.emit.records import Plan
from lossgen.paths import package_folder, templates_folder

__all__ = ["Inputs", "digest", "read_inputs"]

# What is printed reaches no generated file.
_OUTSIDE = {"cli", "console.py", "losses", "_data"}
# Their versions reach the generated text.
_PACKAGES = ("sympy", "jinja2")


class Inputs:
    """The hashes of one build.

    Parameters
    ----------
    specs : Path
        File or folder of declarations.
    plan : Plan, optional
        How kernels are measured, if they are.

    Attributes
    ----------
    all : str
        Hash of everything.
    """

    def __init__(self, specs: Path, plan: Plan | None = None) -> None:
        files = sorted(specs.glob("*.py")) if specs.is_dir() else [specs]
        self._texts: dict[str, bytes] = {}
        self._gather([file for file in files if file.is_file() and not file.name.startswith("_")])
        # The folder's name stands in the headers of the files.
        self._common = _hash([_generator(), specs.name, str(specs.is_dir())])
        why = specs / REASONS
        reasons = why.read_bytes() if why.is_file() else b""
        texts = (part for name, text in sorted(self._texts.items()) for part in (name, text))
        self.all = _hash([self._common, repr(plan), reasons, *texts])

    def _gather(self, files: list[Path]) -> None:
        """Read files and whatever they import from their folder."""
        todo = [(file.stem, file) for file in files]
        while todo:
            name, place = todo.pop()
            if name in self._texts:
                continue
            inside = sorted(place.rglob("*.py")) if place.is_dir() else [place]
            self._texts[name] = b"\0".join(file.read_bytes() for file in inside)
            for text in (file.read_bytes() for file in inside):
                for other in _imports(text):
                    beside = files[0].parent
                    found = (one for one in (beside / f"{other}.py", beside / other) if one.exists())
                    todo += [(other, one) for one in found]

    def of(self, file: str) -> str:
        """Return the hash of what a loss declared in `file` depends on: that file and what it imports."""
        needed, todo = dict[str, bytes](), [Path(file).stem]
        while todo:
            name = todo.pop()
            if name not in needed and name in self._texts:
                needed[name] = self._texts[name]
                todo += [other for text in needed[name].split(b"\0") for other in _imports(text)]
        return _hash([self._common, *(part for name in sorted(needed) for part in (name, needed[name]))])


def read_inputs(specs: Path, plan: Plan | None = None) -> Inputs | None:
    """Return the hashes of a build, or None where a file cannot be read (the build will say why)."""
    try:
        return Inputs(specs, plan)
    except OSError:
        return None


def digest(data: bytes) -> str:
    """Return the hash of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=1)
def _generator() -> str:
    """Hash of the generator: its sources, its templates, and the packages that it prints with."""
    parts: list[str | bytes] = [f"{sys.version_info.major}.{sys.version_info.minor}"]
    parts += [_version(name) for name in _PACKAGES]
    package = package_folder()
    sources = {file.relative_to(package): file for file in package.rglob("*.py")}
    for name, file in sorted(sources.items()):
        if name.parts[0] not in _OUTSIDE:
            parts += [name.as_posix(), file.read_bytes()]
    templates = templates_folder()
    for file in sorted(templates.rglob("*.j2")):
        parts += [file.relative_to(templates).as_posix(), file.read_bytes()]
    return _hash(parts)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _imports(text: bytes) -> list[str]:
    """Names of the modules that a file imports; none if it cannot be read as Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module.partition(".")[0])
    return found


def _hash(parts: Iterable[str | bytes]) -> str:
    """Hash a sequence: lengths go in too, so that no two sequences give the same bytes."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()
