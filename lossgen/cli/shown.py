"""How paths are written for people."""

from __future__ import annotations

from pathlib import Path

__all__ = ["shown"]


def shown(path: Path) -> str:
    """Shorten a path: relative to the current folder where it lies inside."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
