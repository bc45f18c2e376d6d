"""Loss functions and their derivatives, generated from exact mathematics.

``import lossgen.losses as L`` gives the losses, `compile` makes one of any formula. Importing this package
loads neither NumPy nor Numba.
"""

from lossgen.errors import FormulaError, LossError, LossIndexError, LossTypeError, LossValueError, SpecError
from lossgen.runtime.compile import compile
from lossgen.runtime.reuse import reuse_memory
from lossgen.runtime.threads import threads
from lossgen.version import __version__

__all__ = [
    "FormulaError",
    "LossError",
    "LossIndexError",
    "LossTypeError",
    "LossValueError",
    "SpecError",
    "__version__",
    "compile",
    "reuse_memory",
    "threads",
]
