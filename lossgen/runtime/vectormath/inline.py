"""The decorator of functions that become part of the loop that calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["inlined"]


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function into its callers, after they have been typed: reordering stays as written here."""
    return numba.njit(forceinline=True, error_model="numpy", nogil=True)(function)
