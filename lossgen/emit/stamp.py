"""What the last build of each target read and wrote, as hashes: the next one makes only what is gone.

The stamps lie among the caches of the output folder: no version control keeps them, and they go where the
folder goes. They are never trusted without the bytes of the files that they speak of.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lossgen.emit.inputs import Inputs, digest
from lossgen.emit.report import BuildRow, LeftOut
from lossgen.emit.write import tree_files, write_file

__all__ = ["Kept", "Stamp", "read_stamps", "write_stamps"]

_PLACE = Path("__pycache__", "lossgen-build.json")


@dataclass(frozen=True)
class Kept:
    """One loss of the last build: the hash of what it depends on, its files, and what was reported of it."""

    inputs: str
    files: tuple[str, ...]
    row: BuildRow
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Stamp:
    """The last build of one target in a folder.

    Attributes
    ----------
    inputs : str
        Hash of everything that it read.
    files : mapping
        Hash of each file by its path.
    losses : mapping
        Its losses by name.
    """

    inputs: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    losses: Mapping[str, Kept] = field(default_factory=dict)

    def holds(self, inputs: Inputs, out: Path, within: Callable[[str], bool]) -> bool:
        """Tell whether its part of the folder is what these inputs give: then there is nothing to do."""
        there = set(filter(within, tree_files(out)))
        return self.inputs == inputs.all and there == set(self.files) and self.same(out, self.files)

    def same(self, out: Path, names: Iterable[str]) -> bool:
        """Tell whether these files are there as they were written."""
        try:
            return all(digest((out / name).read_bytes()) == self.files[name] for name in names)
        except (OSError, KeyError):
            return False


def read_stamps(out: Path) -> dict[str, Stamp]:
    """Return the stamps of a folder by target; none if they cannot be read."""
    try:
        raw = json.loads((out / _PLACE).read_text(encoding="utf-8"))
        return {target: _stamp(one) for target, one in raw.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _stamp(raw: dict[str, Any]) -> Stamp:
    losses = {
        name: Kept(
            one["inputs"],
            tuple(one["files"]),
            BuildRow(**one["row"]),
            tuple(LeftOut(**left) for left in one["left_out"]),
        )
        for name, one in raw["losses"].items()
    }
    return Stamp(raw["inputs"], dict(raw["files"]), losses)


def write_stamps(stamps: Mapping[str, Stamp], out: Path) -> None:
    """Leave the stamps of some targets; where that is impossible the next build has more to do."""
    content = {target: asdict(stamp) for target, stamp in (read_stamps(out) | dict(stamps)).items()}
    try:
        (out / _PLACE).parent.mkdir(exist_ok=True)
        write_file(json.dumps(content, sort_keys=True), out / _PLACE)
    except OSError:
        return
