"""Finished measurements, kept in the private cache: a build that is interrupted goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lossgen.oracle.machine import machine
from lossgen.oracle.rows import VerifyRow
from lossgen.runtime.folder import find_folder

__all__ = ["Journal"]

# Inside the folder that is checked to be the user's own; deleted with it.
_NAME = ".measured"


class Journal:
    """Rows by what was measured: the kernel, the points, the rules and the machine."""

    def __init__(self) -> None:
        place = find_folder().path
        self._folder = None if place is None else place / _NAME

    def find(self, *measured: Any) -> list[VerifyRow] | None:
        """Return the rows of a measurement, if it was finished here before."""
        path = self._path(measured)
        if path is None:
            return None
        try:
            return [VerifyRow(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, rows: Sequence[VerifyRow], *measured: Any) -> None:
        """Remember a measurement, where that is possible."""
        path = self._path(measured)
        if path is None:
            return
        fresh = path.with_name(f"{path.name}-{os.getpid()}")
        with suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            fresh.write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")
            fresh.replace(path)

    def _path(self, measured: Sequence[Any]) -> Path | None:
        if self._folder is None:
            return None
        content = json.dumps([*measured, machine()], sort_keys=True)
        return self._folder / f"{hashlib.sha256(content.encode()).hexdigest()}.json"
