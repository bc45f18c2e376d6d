"""lossgen, writing its gradient into a reused array or into a fresh one."""

import numpy as np

import lossgen.losses as L
from benchmarks.cases import Case
from benchmarks.timing import Run


def reused(case: Case) -> Run:
    """The caller keeps one array for the gradient, as an optimiser would."""
    call = L.all()[case.loss].value_and_grad
    out = np.empty_like(case.x)
    return lambda: call(case.x, case.y, out=out)


def fresh(case: Case) -> Run:
    """A new array each time, as frameworks do."""
    call = L.all()[case.loss].value_and_grad
    return lambda: call(case.x, case.y)
