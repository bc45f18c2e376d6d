"""What a GPU computes with `math`, as plain Python: results keep the type of the arguments, nothing raises.

float32 is computed in float64 and rounded, so that the text of the kernels is judged, not a library.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.special

_UNARY = {
    **{name: getattr(np, name) for name in ("exp", "log", "log1p", "expm1", "sqrt", "floor", "ceil")},
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{f"a{name}": getattr(np, f"arc{name}") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
    "gamma": scipy.special.gamma,
    "lgamma": scipy.special.gammaln,
    "atan2": np.arctan2,
}


def _typed(function: Callable[..., Any]) -> Callable[..., Any]:
    def compute(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.result_type(*arguments).type(function(*map(np.float64, arguments)))

    return compute


DEVICE_MATH = SimpleNamespace(
    inf=math.inf, nan=math.nan, **{name: _typed(function) for name, function in _UNARY.items()}
)
