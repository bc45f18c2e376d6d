"""Functions of mathematics that run in vector registers, in float32 and float64 from one text.

Generated kernels call them in loops without another call or branch, which the compiler then turns into vector
instructions. Every function is at most 1 ulp off, a power 2, and gives the same bits on every processor that
multiplies and adds in one instruction; others use the C library. Their text counts as a part of the kernels:
a change of it raises `RUNTIME_ABI`, which stands in every kernel, for Numba's disk cache looks at a kernel's
own file alone.
"""

from lossgen.runtime.vectormath import exponential, logarithm, scalar
from lossgen.runtime.vectormath import power as powers
from lossgen.runtime.vectormath.extremes import larger, smaller
from lossgen.runtime.vectormath.hardware import HAS_FMA
from lossgen.runtime.vectormath.lanes import LANES, entries, rows, scattered
from lossgen.runtime.vectormath.totals import added, added_but, summed
from lossgen.runtime.vectormath.unowned import unowned

__all__ = [
    "FUNCTIONS", "LANES", "added", "added_but", "entries", "exp", "expm1", "larger", "log", "log1p",
    "log1p_unit", "power", "rows", "scattered", "smaller", "summed", "tanh", "unowned",
]  # fmt: skip


# Functions of one number, by name.
FUNCTIONS = {
    name: getattr(module if HAS_FMA else scalar, name)
    for module in (exponential, logarithm)
    for name in module.__all__
}
exp = FUNCTIONS["exp"]
expm1 = FUNCTIONS["expm1"]
log = FUNCTIONS["log"]
log1p = FUNCTIONS["log1p"]
log1p_unit = FUNCTIONS["log1p_unit"]
tanh = FUNCTIONS["tanh"]
power = (powers if HAS_FMA else scalar).power
