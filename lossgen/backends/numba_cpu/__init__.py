"""Kernels for Numba on the CPU, serial and in threads, one module for each variant of a loss."""

from lossgen.backends.base import Backend
from lossgen.backends.numba_cpu.module import context
from lossgen.backends.numba_cpu.spelling import SPELLINGS

BACKEND = Backend("numba_cpu", "numba_cpu/module.py.j2", "py", context, SPELLINGS)
