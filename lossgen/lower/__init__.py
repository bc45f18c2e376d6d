"""Mathematics to loops: a routine becomes a kernel over one sample, in an ordered and typed loop IR."""

from lossgen.lower.outputs import accumulates
from lossgen.lower.passes import passes_over
from lossgen.lower.routine import lower

__all__ = ["accumulates", "lower", "passes_over"]
