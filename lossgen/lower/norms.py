"""Norms of any power as scaled sums; the Euclidean norm has an accumulator of its own."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.vocabulary import abspow, quotient
from lossgen.derive.model import Routine
from lossgen.stabilize.walk import map_stage


def scale_norms(routine: Routine) -> Routine:
    """Return the routine with norms of any power written out."""
    return replace(
        routine,
        steps=tuple(map_stage(step, _scaled) for step in routine.steps),
        results=tuple(_scaled(result) for result in routine.results),
    )


def _scaled(expr: sp.Basic) -> sp.Basic:
    while found := [node for node in expr.atoms(Reduction) if node.power is not None]:
        # Outer ones last: what replaces an inner one is then part of them.
        inner = min(found, key=lambda node: (node.height, sp.default_sort_key(node)))
        expr = expr.xreplace({inner: _written_out(inner)})
    return expr


def _written_out(norm: Reduction) -> sp.Expr:
    """Relative to the largest part every power is at most 1, and one of them is 1."""
    index, body = norm.open()
    assert norm.power is not None
    largest = Reduction("max", sp.Abs(body), index)
    total = Reduction("sum", abspow(quotient(body, largest), norm.power), index)
    return Where(largest <= 0, 0, largest * total ** (1 / norm.power))
