"""Losses of a residual: whether a formula sees prediction and target through their difference alone."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from lossgen.algebra.nodes import Detach
from lossgen.algebra.tensors import Element, elements
from lossgen.errors import LossError
from lossgen.spec.program import Program


@dataclass(frozen=True)
class Residual:
    """A loss as a function of one residual.

    Attributes
    ----------
    x, y : Element
        The prediction and the target whose difference is the residual.
    value : Expr
        The loss, with `x` standing for the residual and without `y`.
    """

    x: Element
    y: Element
    value: sp.Expr


def residual(program: Program) -> Residual:
    """Return a loss as a function of its residual; raise LossError with the reason where it is none.

    The function must be the same for a residual and its negative.
    """
    if len(program.predictions) != 1 or program.predictions[0].axes or program.stages:
        raise LossError("it is not a function of one residual x - y: it couples several predictions")
    if any(term.items for term in program.terms):
        raise LossError("it is not a function of one residual x - y: it has several values per sample")
    x = program.predictions[0][()]
    value = sp.Add(*(term.coefficient * term.value for term in program.terms))
    if value.has(Detach):
        raise LossError("a part of it is detached: its gradient is not the slope of its value")
    targets = [one for one in sorted(elements(value), key=str) if one.tensor.role == "target"]
    for y in targets:
        moved = value.xreplace({x: x + y})
        if y in elements(moved):
            moved = sp.expand(moved)
        if not any(one.tensor == y.tensor for one in elements(moved)):
            return Residual(x, y, _symmetric(moved, x, y))
    wanted = f"{x} - {targets[0]}" if targets else f"{x} less a target"
    raise LossError(f"it is not a function of one residual {wanted}")


def _symmetric(value: sp.Expr, x: Element, y: Element) -> sp.Expr:
    mirrored = value.xreplace({x: -x})
    if mirrored != value and sp.expand(mirrored - value) != 0:
        raise LossError(f"it is not seen to be symmetric in the residual {x} - {y}")
    return value
