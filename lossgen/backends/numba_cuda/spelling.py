"""How each function of the vocabulary is written for Numba on a GPU, where ``math`` is the device library.

The helpers are those of the CPU, as device functions. A literal beside a float32 is float64 in Numba, which a
GPU has few units for: where the compiler cannot undo that, the literal is typed here. The builtins `min` and
`max` of numbers do not compile in Numba's own copy of its CUDA target.
"""

from __future__ import annotations

from lossgen.backends.numba_cpu import spelling as cpu
from lossgen.backends.numba_cuda.lanes import LANES_HELPERS
from lossgen.errors import LossError

DEVICE = "@cuda.jit(device=True)"

_REPLACED = {
    "log1mexp": {"a > -0.6931471805599453": "a > type(a)(-0.6931471805599453)"},
    "xmlog1p": {"-0.4 < a < 0.6": "real(-0.4) < a < real(0.6)"},
    "hypot": {
        "max(abs(a), abs(b))": "abs(a) if abs(a) > abs(b) else abs(b)",
        "min(abs(a), abs(b))": "abs(b) if abs(a) > abs(b) else abs(a)",
    },
}


def _on_device(name: str, text: str) -> str:
    text = text.replace("@njit", DEVICE)
    for plain, typed in _REPLACED.get(name, {}).items():
        if plain not in text:
            raise LossError(f"helper {name!r} has no {plain!r} any more: correct numba_cuda/spelling.py")
        text = text.replace(plain, typed)
    return text


HELPERS: dict[str, str] = {
    **{name: _on_device(name, text) for name, text in cpu.HELPERS.items()},
    **{name: text.replace("@device", DEVICE) for name, text in LANES_HELPERS.items()},
}

# Helpers that call other helpers.
NEEDS: dict[str, tuple[str, ...]] = {**cpu.NEEDS, "join_lanes": ("merge_sums", "two_sum")}

SPELLINGS: dict[str, cpu.Spelling] = {
    **cpu.SPELLINGS,
    # NumPy's functions do not exist on the device; its `math` keeps the type here.
    "floor": cpu.Spelling("math.floor({0})"),
    "ceil": cpu.Spelling("math.ceil({0})"),
}


def spelling(name: str) -> cpu.Spelling:
    """Return how a function is written."""
    return cpu.looked_up(name, SPELLINGS, "numba_cuda")
