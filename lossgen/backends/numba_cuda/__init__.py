"""Kernels for NVIDIA GPUs by Numba, one module for each variant of an elementwise or row loss."""

from lossgen.backends.base import Backend, Shared
from lossgen.backends.numba_cuda.module import context
from lossgen.backends.numba_cuda.refused import refuses
from lossgen.backends.numba_cuda.spelling import SPELLINGS

BACKEND = Backend(
    name="numba_cuda",
    template="numba_cuda/module.py.j2",
    extension="py",
    context=context,
    spellings=SPELLINGS,
    shared=(Shared("__init__.py", "numba_cuda/package.py.j2"),),
    refuses=refuses,
)
