"""Calls every derivative of every loss once; run by a test with bounds checks compiled into the kernels."""

from contextlib import suppress

import numpy as np

from lossgen import LossIndexError, LossValueError

from .discovery import VARIANTS, subject
from .empty import EMPTY, emptied


def main() -> None:
    """Print how many variants were called."""
    for param in VARIANTS:
        loss, variant = param.values
        for size in (None, 1):
            it = subject(loss, variant, count=2, size=size)
            given = it.given
            tangents = tuple(np.ones_like(np.asarray(given[name])) for name in it.predictions)
            floats = tuple(t.name for t in variant.program.inputs if t.dtype == "float")
            it.function.grad(**given, reduction="sum", wrt=floats)
            it.function.hvp(**given, v=tangents if len(tangents) > 1 else tangents[0], reduction="sum")
            if it.has_hessian:
                it.function.grad_and_hess(**given)
            if it.has_values:
                it.function(**given, reduction="none")
    for param in EMPTY:
        loss, variant, axis = param.values
        it, cases = emptied(loss, variant, axis)
        given = it.of(cases)
        tangents = tuple(np.ones_like(given[name]) for name in it.predictions)
        floats = tuple(t.name for t in variant.program.inputs if t.dtype == "float")
        with suppress(LossIndexError, LossValueError):
            it.function.grad(**given, reduction="sum", wrt=floats)
            it.function.hvp(**given, v=tangents if len(tangents) > 1 else tangents[0], reduction="sum")
            if it.has_hessian:
                it.function.grad_and_hess(**given)
    print(len(VARIANTS))


if __name__ == "__main__":
    main()
