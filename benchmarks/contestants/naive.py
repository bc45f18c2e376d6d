"""NumPy: derivatives that SymPy takes of the declared formula where elements are separate, else the value."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

import lossgen.losses as L
from benchmarks.cases import GRADIENT, HESSIAN, VALUE, Case
from benchmarks.contestants.formulas import formula
from benchmarks.peers.formula import Formula
from benchmarks.timing import Run


def _logsumexp(x: Any, axis: int) -> Any:
    top = x.max(axis, keepdims=True)
    return (top + np.log(np.exp(x - top).sum(axis, keepdims=True))).squeeze(axis)


NAMES = SimpleNamespace(
    take=np.take_along_axis,
    relu=lambda x: np.maximum(x, 0),
    sigmoid=lambda x: 1 / (1 + np.exp(-x)),
    logsumexp=_logsumexp,
    argsort=lambda x, descending: np.argsort(-x if descending else x),
    **{name: getattr(np, name) for name in ("where", "exp", "log", "log1p", "abs", "sqrt")},
)


def naive(case: Case, given: Mapping[str, Any]) -> Run | None:
    """As it would be written down."""
    arrays = list(given.values())
    if case.entry.structure == "elementwise":
        return _derived(case, given)
    value = formula(case.loss, NAMES)
    if case.output == VALUE and value is not None:
        return Run(lambda: value(*arrays))
    if case.output == GRADIENT and case.loss in _GRADIENTS:
        gradient = _GRADIENTS[case.loss]
        return Run(lambda: gradient(*arrays))
    return None


def _derived(case: Case, given: Mapping[str, Any]) -> Run:
    declared = Formula(L.all()[case.loss])
    (by,) = case.gradients
    x = next(symbol for symbol in declared.symbols.values() if symbol.name == by)
    dtype = given[by].dtype.type
    # Parameters are numbers of the same type, or results would be of another.
    arguments = [given[n] if n in given else dtype(declared.defaults[n]) for n in declared.names]
    orders = {VALUE: (0,), GRADIENT: (0, 1), HESSIAN: (1, 2)}[case.output]
    # At kinks the curvature is what it is beside them.
    derivatives = [sp.diff(declared.expr, x, order).replace(sp.DiracDelta, lambda *_: 0) for order in orders]
    symbols = list(declared.symbols.values())
    steps = [sp.lambdify(symbols, derivative, ["scipy", "numpy"]) for derivative in derivatives]

    def call() -> Any:
        found = [step(*arguments) for step in steps]
        if case.output != HESSIAN:
            found[0] = found[0].mean()
            found[1:] = [slope / slope.size for slope in found[1:]]
        return tuple(found) if len(found) > 1 else found[0]

    return Run(call)


def _cross_entropy(x: Any, y: Any) -> Any:
    """Softmax minus one at the class."""
    rows = np.arange(len(x))
    shifted = x - x.max(1, keepdims=True)
    powers = np.exp(shifted)
    total = powers.sum(1, keepdims=True)
    value = (np.log(total[:, 0]) - shifted[rows, y]).mean()
    powers /= total
    powers[rows, y] -= 1
    powers /= len(x)
    return value, powers


_GRADIENTS = {"cross_entropy": _cross_entropy}
