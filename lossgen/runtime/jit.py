"""The compiler decorator and the version check of generated kernel modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

import numba

from lossgen.runtime.abi import check_abi
from lossgen.runtime.vectormath.inline import inlined

__all__ = ["check_abi", "inlined", "njit"]


@overload
def njit(function: Callable[..., Any]) -> Any: ...
@overload
def njit(*, parallel: bool = ..., inline: str = ...) -> Callable[[Callable[..., Any]], Any]: ...
def njit(function: Callable[..., Any] | None = None, *, parallel: bool = False, inline: str = "never") -> Any:
    """Compile a kernel on first call, without the interpreter lock, cached on disk where that is possible.

    Division by zero follows IEEE 754 (``error_model="numpy"``), and no assumption is made about finite
    numbers.

    Parameters
    ----------
    function : callable, optional
        The kernel; left out when the decorator is called with options.
    parallel : bool
        Whether ``prange`` loops run in threads.
    inline : {"never", "always"}
        Whether Numba pastes the function into its callers before optimising them.
    """
    if function is None:
        return lambda decorated: _compile(decorated, parallel, inline)
    return _compile(function, parallel, inline)


def _compile(function: Callable[..., Any], parallel: bool, inline: str) -> Any:
    options: dict[str, Any] = {"parallel": parallel, "inline": inline, "error_model": "numpy", "nogil": True}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        # Numba raises this while decorating when neither NUMBA_CACHE_DIR nor __pycache__ beside the file nor
        # the user's cache folder is writable. The kernel then is compiled in each process.
        return numba.njit(cache=False, **options)(function)
