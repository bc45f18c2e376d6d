"""The user side: what calls generated kernels. It uses NumPy and Numba, never SymPy or templates.

Importing this package loads none of them: NumPy comes with the first loss that is looked up, Numba with the
first kernel that is called.
"""

from lossgen.runtime.abi import RUNTIME_ABI
from lossgen.runtime.package import expose

__all__ = ["RUNTIME_ABI", "expose"]
