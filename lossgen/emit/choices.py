"""Records of the forms that were compared for each number that a kernel computes, and of the chosen ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["CHOICES", "choices_file", "choices_text", "read_choices"]

# Their folder in a package.
CHOICES = "choices"


def choices_file(loss: str) -> str:
    """Return the path of a loss's record in a package."""
    return f"{CHOICES}/{loss}.json"


def choices_text(loss: str, choices: Mapping[str, Any]) -> str:
    """Return the text of a record from what was compared for each variant."""
    rows = ",\n".join(f"{json.dumps(suffix)}: {json.dumps(record)}" for suffix, record in choices.items())
    return f'{{"generator": "lossgen build", "loss": {json.dumps(loss)}, "variants": {{\n{rows}\n}}}}\n'


def read_choices(package: Path, loss: str) -> dict[str, Any]:
    """Return what was compared for the variants of a loss; nothing where that cannot be read."""
    try:
        found = json.loads((package / choices_file(loss)).read_text(encoding="utf-8"))
        return dict(found["variants"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
