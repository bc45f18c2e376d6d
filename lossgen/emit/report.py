"""What a build reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["BuildReport", "BuildRow"]


@dataclass(frozen=True)
class BuildRow:
    """What was made of one loss."""

    name: str
    structure: str
    variants: int
    kernels: int
    lines: int
    status: str


@dataclass(frozen=True)
class BuildReport:
    """What a build did, or with ``check`` what it would do."""

    rows: list[BuildRow]
    written: list[Path]
    orphans: list[Path]
    stale: list[Path]
    out: Path
    seconds: float
