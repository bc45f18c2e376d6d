"""On what a measurement was made: another processor, or another compiler, may round differently."""

from __future__ import annotations

from functools import cache

import numba
from llvmlite import binding

__all__ = ["machine"]

# What kernels are vectorized with, widest first; and the fused multiplication, which rounds once.
_FEATURES = ("avx512f", "avx2", "fma", "neon")


@cache
def machine() -> dict[str, str]:
    """Return the processor as the compiler knows it, its vector instructions, and the compiler."""
    has = binding.get_host_cpu_features()
    return {
        "cpu": binding.get_host_cpu_name(),
        "features": " ".join(name for name in _FEATURES if has.get(name)),
        "numba": numba.__version__,
    }
