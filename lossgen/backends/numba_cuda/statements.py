"""Statements of the loop IR as device code: accumulators start at typed zeros."""

from __future__ import annotations

from lossgen.backends.numba_cpu.accumulators import state
from lossgen.backends.numba_cpu.expressions import Expressions
from lossgen.backends.numba_cpu.statements import Statements
from lossgen.backends.numba_cuda.spelling import spelling
from lossgen.lower import ir


class DeviceExpressions(Expressions):
    """Prints expressions with the device's spellings."""

    spelling = staticmethod(spelling)


class DeviceStatements(Statements):
    """Prints the body of one device function."""

    printer = DeviceExpressions

    def _opened(self, statement: ir.Accumulator) -> str:
        # Sums are in float64 whatever is summed: said here, since a simulator runs this text as plain Python.
        names = ", ".join(state(statement).names)
        start = super()._opened(statement).partition(" = ")[2].split(", ")
        return f"{names} = {', '.join('np.float64(0)' if text == '0.0' else text for text in start)}"
