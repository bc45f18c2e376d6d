"""What a build reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["BuildReport", "BuildRow", "LeftOut"]


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
class LeftOut:
    """A file that a backend cannot write, and why, in a few words."""

    target: str
    name: str
    reason: str


@dataclass(frozen=True)
class BuildReport:
    """What a build did, or with ``check`` what it would do."""

    rows: list[BuildRow]
    written: list[Path]
    orphans: list[Path]
    stale: list[Path]
    out: Path
    seconds: float
    left_out: list[LeftOut] = field(default_factory=list)
