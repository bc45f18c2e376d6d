"""lossgen, writing into reused arrays or into fresh ones, by default or with all threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

import lossgen
import lossgen.losses as L
from benchmarks.cases import GRADIENT, HESSIAN, VALUE, Case
from benchmarks.timing import Run


def _operation(case: Case) -> Callable[..., Any]:
    loss = L.all()[case.loss]
    return loss if case.output == VALUE else getattr(loss, case.output)


def fresh(case: Case, given: Mapping[str, Any]) -> Run | None:
    """New arrays in every call, as frameworks do."""
    return None if case.output == VALUE else Run(partial(_operation(case), *given.values()))


def reused(case: Case, given: Mapping[str, Any]) -> Run:
    """The caller keeps arrays for the results, as an optimiser would."""
    names = {VALUE: (), GRADIENT: case.gradients, HESSIAN: case.gradients * 2}[case.output]
    out = tuple(np.empty_like(given[name]) for name in names)
    if not out:
        return Run(partial(_operation(case), *given.values()))
    return Run(partial(_operation(case), *given.values(), out=out if len(out) > 1 else out[0]))


def fresh_all(case: Case, given: Mapping[str, Any]) -> Run | None:
    """Fresh arrays, with all threads."""
    run = fresh(case, given)
    return run and Run(run.call, lambda: lossgen.threads("all"))


def reused_all(case: Case, given: Mapping[str, Any]) -> Run:
    """Reused arrays, with all threads."""
    return Run(reused(case, given).call, lambda: lossgen.threads("all"))
