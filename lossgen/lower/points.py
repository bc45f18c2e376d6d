"""Outputs that differ at one position: ``if c == y`` inside a loop over c becomes a plain loop and one
store after it.

The loop then has no branch, and what only position y needs is computed once.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Delta, Reduction, Where, replace_index
from lossgen.algebra.tensors import Element
from lossgen.spec.model import Assign


def split(assign: Assign, index: Index) -> tuple[Assign, Assign | None]:
    """Return what to store everywhere and what to store at the special position, or None where there is
    none.
    """
    if assign.add or assign.guard != sp.true or index not in assign.target.positions:
        return assign, None
    for where in sorted(assign.expr.atoms(Where), key=sp.default_sort_key):
        position = _position(where.args[0], index)
        if position is None:
            continue
        everywhere = replace(assign, expr=_decide(assign.expr, index, position, False))
        at = replace_index(_decide(assign.expr, index, position, True), index, position)
        target = replace_index(assign.target, index, position)
        assert isinstance(target, Element)
        return everywhere, replace(assign, target=target, expr=at)
    return assign, None


def _position(condition: sp.Basic, index: Index) -> sp.Expr | None:
    """Return k of the condition ``index == k`` where k is known to lie inside the axis and does not change
    in the loop.
    """
    if not isinstance(condition, sp.Eq):
        return None
    a, b = condition.args
    k = b if a == index else a if b == index else None
    if k is None or index in k.free_symbols:
        return None
    # Only class tensors are checked before any kernel runs; other integers may deliberately lie outside.
    checked = isinstance(k, Element) and k.tensor.role == "class" and not k.positions
    index_too = isinstance(k, Index) and k.axis == index.axis
    found = isinstance(k, Reduction) and k.op.startswith("arg") and k.index.axis == index.axis
    return k if checked or found or index_too else None


def _decide(expr: sp.Expr, index: Index, position: sp.Expr, equal: bool) -> sp.Expr:
    """Rewrite `expr` knowing whether ``index == position``."""
    if index not in expr.free_symbols or expr == index:
        return expr
    if (
        isinstance(expr, Where)
        and isinstance(expr.args[0], sp.Eq)
        and set(expr.args[0].args) == {index, position}
    ):
        return _decide(expr.args[1] if equal else expr.args[2], index, position, equal)
    if (
        isinstance(expr, Where)
        and isinstance(expr.args[0], sp.Ne)
        and set(expr.args[0].args) == {index, position}
    ):
        return _decide(expr.args[2] if equal else expr.args[1], index, position, equal)
    if isinstance(expr, Delta) and set(expr.args) == {index, position}:
        return sp.Integer(int(equal))
    return expr.func(
        *(_decide(arg, index, position, equal) if arg.free_symbols else arg for arg in expr.args)
    )
