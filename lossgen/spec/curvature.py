"""The curvature that a declaration names as the default of ``grad_and_hess``."""

from __future__ import annotations

from lossgen.errors import SpecError
from lossgen.spec.program import Place

__all__ = ["EXACT", "checked_curvature"]

EXACT = "exact"
_NAMES = (EXACT, "bound", "irls")


def checked_curvature(name: str, place: Place) -> str:
    """Return the name of a curvature rule. Whether the loss has it is known once it is derived."""
    if name not in _NAMES:
        raise SpecError(
            f"curvature={name!r} is no rule",
            argument="curvature",
            fix=f"choose among {', '.join(_NAMES)}",
            **place,
        )
    return name
