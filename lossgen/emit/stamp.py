"""What the last build read and wrote, as hashes: the next one makes only what is not there any more.

The stamp lies among the caches of the output folder: no version control keeps it, and it goes where the
folder goes. It is never trusted without the bytes of the files that it speaks of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lossgen.emit.inputs import Inputs, digest
from lossgen.emit.report import BuildRow
from lossgen.emit.write import tree_files, write_file

__all__ = ["Kept", "Stamp", "read_stamp", "write_stamp"]

_PLACE = Path("__pycache__", "lossgen-build.json")


@dataclass(frozen=True)
class Kept:
    """One loss of the last build: the hash of what it depends on, its files, what was reported of it."""

    inputs: str
    files: tuple[str, ...]
    row: BuildRow


@dataclass(frozen=True)
class Stamp:
    """The last build of a folder.

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

    def holds(self, inputs: Inputs, out: Path) -> bool:
        """Tell whether the folder is what these inputs give: then there is nothing to do."""
        return self.inputs == inputs.all and set(tree_files(out)) == set(self.files) and self.same(out)

    def same(self, out: Path, *names: str) -> bool:
        """Tell whether these files (or all) are there as they were written."""
        try:
            return all(digest((out / name).read_bytes()) == self.files[name] for name in names or self.files)
        except (OSError, KeyError):
            return False


def read_stamp(out: Path) -> Stamp:
    """Return the stamp of a folder; one that fits nothing if there is none, or it cannot be read."""
    try:
        raw = json.loads((out / _PLACE).read_text(encoding="utf-8"))
        losses = {
            name: Kept(one["inputs"], tuple(one["files"]), BuildRow(**one["row"]))
            for name, one in raw["losses"].items()
        }
        return Stamp(raw["inputs"], dict(raw["files"]), losses)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Stamp()


def write_stamp(inputs: str, files: Mapping[str, str], losses: Mapping[str, Kept], out: Path) -> None:
    """Leave the stamp in a folder; where that is impossible the next build has more to do."""
    content: dict[str, Any] = {
        "inputs": inputs,
        "files": {name: digest(text.encode()) for name, text in files.items()},
        "losses": {name: asdict(kept) for name, kept in losses.items()},
    }
    try:
        (out / _PLACE).parent.mkdir(exist_ok=True)
        write_file(json.dumps(content, sort_keys=True), out / _PLACE)
    except OSError:
        return
