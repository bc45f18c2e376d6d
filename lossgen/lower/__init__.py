"""Mathematics to loops: a routine becomes a kernel over one sample, in an ordered and typed loop IR."""

from lossgen.lower.passes import passes_over
from lossgen.lower.routine import lower
from lossgen.lower.writes import writes_once

__all__ = ["lower", "passes_over", "writes_once"]
