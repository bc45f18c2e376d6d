"""Kernels for Numba on the CPU, serial and in threads, one module for each variant of a loss."""

from lossgen.backends.base import Backend, Shared
from lossgen.backends.numba_cpu.module import context
from lossgen.backends.numba_cpu.vector import SPELLINGS

BACKEND = Backend(
    name="numba_cpu",
    template="numba_cpu/module.py.j2",
    extension="py",
    context=context,
    spellings=SPELLINGS,
    shared=(Shared("__init__.py", "numba_cpu/package.py.j2"),),
)
