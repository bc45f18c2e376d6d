"""Functions as backends spell them, made to run."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from lossgen.runtime import vectormath as vm
from lossgen.runtime.jit import inlined, njit

from .device_math import DEVICE_MATH


def _uncached(function: Callable[..., float]) -> Callable[..., float]:
    # Numba can only cache functions that lie in a file.
    return njit.__globals__["numba"].njit(error_model="numpy")(function)  # type: ignore[no-any-return]


def _signature(function: Any, _result: Any) -> str:
    return str(function.nopython_signatures[0].return_type)


@dataclass(frozen=True)
class Runner:
    """How a backend's text is run: its table, its names, how a function is made, the type of a result."""

    table: str
    space: dict[str, Any]
    make: Callable[..., Any]
    returns: Callable[[Any, Any], str]


# Device functions run as plain Python with the arithmetic of a device.
RUNNERS = {
    "numba_cpu": Runner(
        "vector", {"inlined": inlined, "vm": vm, "np": np, "math": math}, _uncached, _signature
    ),
    "numba_cuda": Runner(
        "spelling",
        {"cuda": SimpleNamespace(jit=lambda device: lambda f: f), "np": np, "math": DEVICE_MATH},
        lambda function: function,
        lambda _function, result: type(result).__name__,
    ),
}


def table(backend: str) -> Any:
    return importlib.import_module(f"lossgen.backends.{backend}.{RUNNERS[backend].table}")


def compiled(backend: str, name: str) -> Callable[..., Any]:
    """Make the helpers of a function and the call of it, alone, as a generated module would hold them."""
    spelled = table(backend)
    row, runner = spelled.SPELLINGS[name], RUNNERS[backend]
    names = [n for helper in row.helpers for n in (*spelled.NEEDS.get(helper, ()), helper)]
    arguments = [f"a{k}" for k in range(row.text.count("{"))]
    text = "\n".join(spelled.HELPERS[n] for n in names)
    text += f"\ndef call({', '.join(arguments)}):\n    return {row.text.format(*arguments)}\n"
    space = dict(runner.space)
    exec(compile(text, f"<{name}>", "exec"), space)
    function = runner.make(space["call"])

    def quiet(*given: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*given)

    quiet.function = function  # type: ignore[attr-defined]
    return quiet
