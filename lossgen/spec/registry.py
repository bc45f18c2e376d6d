"""Reads the declarations of a folder or file, in sorted order."""

from __future__ import annotations

import ast
import hashlib
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lossgen.errors import SpecError
from lossgen.spec.blame import fix_for, line_in, said
from lossgen.spec.model import Loss
from lossgen.spec.schedule import Helper


@dataclass(frozen=True)
class Registry:
    """What a folder of declarations holds, in the order of files and then of lines."""

    losses: tuple[Loss, ...]
    helpers: tuple[Helper, ...]


def load(path: Path) -> tuple[Loss, ...]:
    """Return the losses declared in a file, or in the ``*.py`` files of a folder."""
    return read(path).losses


def read(path: Path) -> Registry:
    """Return everything declared in a file or folder.

    Raises
    ------
    SpecError
        Where the path does not exist, holds no loss, declares a name twice, or a declaration is wrong.
    """
    path = Path(path)
    if not path.exists():
        raise SpecError(f"{path} does not exist", fix="give a file or a folder with loss declarations")
    files = sorted(p for p in path.glob("*.py") if not p.name.startswith("_")) if path.is_dir() else [path]
    found: dict[str, Loss | Helper] = {}
    for file in files:
        for name, value in _declared(file):
            if name != value.name and value.name in found:
                continue
            if (earlier := found.get(value.name)) is not None and earlier is not value:
                if (earlier.file, earlier.line) == (value.file, value.line):
                    continue
                raise SpecError(
                    f"declared twice, first at {earlier.file}:{earlier.line}",
                    file=value.file,
                    line=value.line,
                    loss=value.name,
                    fix="rename one of them",
                )
            found[value.name] = value
    losses = tuple(value for value in found.values() if isinstance(value, Loss))
    if not losses:
        raise SpecError(
            "no loss is declared here", file=str(path), fix="decorate a function with @loss(family=...)"
        )
    return Registry(losses, tuple(value for value in found.values() if isinstance(value, Helper)))


def _declared(file: Path) -> list[tuple[str, Any]]:
    # Files of one folder may import each other by name (a composition needs its parts), so their folder goes
    # first on the path.
    folder = str(file.parent.resolve())
    known = set(sys.modules)
    sys.path.insert(0, folder)
    try:
        namespace = runpy.run_path(
            str(file), run_name=f"lossgen_specs_{hashlib.sha256(folder.encode()).hexdigest()[:8]}_{file.stem}"
        )
    except SpecError as error:
        if error.file is None:
            error.file, error.line = str(file), line_in(error, file)
        raise
    except SystemExit as error:
        told = "the file ends the program"
        raise SpecError(told, file=str(file), line=line_in(error, file), fix="take the exit out") from error
    except SyntaxError as error:
        raise SpecError(
            f"syntax error: {error.msg}",
            file=str(file),
            line=error.lineno or None,
            fix="correct the Python syntax",
        ) from error
    except Exception as error:  # a spec file is the author's code
        raise SpecError(
            said(error), file=str(file), line=line_in(error, file), fix=fix_for(error, "correct the file")
        ) from error
    finally:
        sys.path.remove(folder)
        for name in set(sys.modules) - known:
            module_file = getattr(sys.modules[name], "__file__", None) or ""
            if module_file.startswith(folder):
                del sys.modules[name]
    _refuse_lost(file, namespace)
    # A loss imported from another file of the folder belongs to that file.
    return [
        (name, value)
        for name, value in namespace.items()
        if isinstance(value, Loss | Helper) and Path(value.file).resolve() == file.resolve()
    ]


def _refuse_lost(file: Path, namespace: dict[str, Any]) -> None:
    """Refuse a loss whose name the file gives away again: Python keeps the last one and says nothing."""
    lines: dict[str, int] = {}
    for node in ast.parse(file.read_bytes()).body:
        if not isinstance(node, ast.FunctionDef) or not isinstance(namespace.get(node.name), Loss):
            continue
        if node.name in lines:
            raise SpecError(
                f"declared twice, first at {file}:{lines[node.name]}",
                file=str(file),
                line=node.lineno,
                loss=node.name,
                fix="rename one of them",
            )
        lines[node.name] = node.lineno
