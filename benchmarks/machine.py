"""Describe the machine and the versions, so that figures can be compared."""

import importlib.metadata
import os
import platform
from pathlib import Path

import lossgen

# Vector instructions that kernels use, by their flags in Linux.
_VECTORS = {"AVX-512": "avx512f", "AVX2": "avx2", "FMA": "fma"}


def describe() -> dict[str, str]:
    """Name what figures depend on."""
    facts = {
        "processor": _processor(),
        "vectors": ", ".join(name for name, flag in _VECTORS.items() if flag in _cpu("flags").split()),
        "cores": f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()}",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "system": platform.platform(),
        "python": platform.python_version(),
        "lossgen": lossgen.__version__,
    }
    for package in ("numpy", "numba", "torch", "jax", "optax", "scikit-learn"):
        try:
            facts[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            facts[package] = "not installed"
    return facts


def _processor() -> str:
    """Model name from the kernel, where it tells."""
    return _cpu("model name") or platform.processor() or platform.machine()


def _cpu(what: str) -> str:
    """What the kernel says of the first core; empty where it says nothing."""
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text().splitlines():
            if line.startswith(what):
                return line.partition(":")[2].strip()
    return ""
