"""Shortens what entries are sorted by, so that different entries keep different keys.

Rounding ``1 - x`` makes equal keys of all small x, and a tie falls to the wrong entry. Adding the same number
to every key, or scaling all of them by the same positive one, changes no order.
"""

from __future__ import annotations

import sympy as sp

from lossgen.algebra.axes import Index
from lossgen.spec.model import Sort
from lossgen.stabilize.facts import is_positive


def shorten_key(stage: Sort) -> Sort:
    """Return the stage with the shortest key that sorts alike."""
    return Sort(stage.order, stage.index, _shortest(stage.key, stage.index), stage.descending)


def _shortest(key: sp.Expr, index: Index) -> sp.Expr:
    if isinstance(key, sp.Add):
        shorter = sp.Add(*(term for term in key.args if index in term.free_symbols))
    elif isinstance(key, sp.Mul):
        shorter = sp.Mul(*(part for part in key.args if index in part.free_symbols or not is_positive(part)))
    else:
        return key
    # A key that no entry changes sorts nothing: there is nothing to shorten.
    if shorter == key or index not in shorter.free_symbols:
        return key
    return _shortest(shorter, index)
