"""Sums as ordered trees: numbers that may cancel are subtracted from each other before anything rounds."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

import sympy as sp

from lossgen.algebra.tensors import Element
from lossgen.lower import ir
from lossgen.lower.types import type_of

if TYPE_CHECKING:
    from lossgen.lower.values import Lowering

_DATA_RANKS = {"pred": 0, "target": 1, "local": 2}
_Part = tuple[sp.Expr, ...]


def add(low: Lowering, expr: sp.Add) -> ir.Expr:
    """Left to right: differences of like entries, other entries of predictions and targets, constants last.

    The difference of two close numbers is exact; one that has been added to before has lost the digits
    that are left of it.
    """
    kind = type_of(expr)
    terms = sorted(expr.args, key=_term_key)
    parts = sorted(_paired(terms) if kind == "float" else [(t,) for t in terms], key=_part_key)
    # Start with what is added, if anything is.
    start = next((part for part in parts if not _negative(part[0])), parts[0])
    ordered = [start, *(part for part in parts if part is not start)]
    result: ir.Expr | None = None
    for part in ordered:
        minus = len(part) == 1 and _negative(part[0])
        value = _value(low, part, kind)
        if result is None:
            result = ir.Op("neg", (value,), kind) if minus else value
        else:
            result = ir.Op("sub" if minus else "add", (result, value), kind)
    assert result is not None
    return result


def _value(low: Lowering, part: _Part, kind: ir.Type) -> ir.Expr:
    """Return the magnitude of a single term, or the difference of a pair."""
    values = [low.value(size) if kind == "int" else low.float(size) for size in map(_magnitude, part)]
    return values[0] if len(values) == 1 else ir.Op("sub", (values[0], values[1]), kind)


def _paired(terms: list[sp.Expr]) -> list[_Part]:
    """Join what is added with what is subtracted where both are like: the same entry of two tensors first."""
    parts: list[_Part] = []
    rest = list(terms)
    for like in _LIKENESSES:
        for plus in [term for term in rest if not _negative(term)]:
            partner = next((m for m in rest if _negative(m) and like(plus, _magnitude(m))), None)
            if partner is not None:
                parts.append((plus, partner))
                rest.remove(plus)
                rest.remove(partner)
    return [*parts, *((term,) for term in rest)]


def _same(key: Callable[[Element], Hashable]) -> Callable[[sp.Expr, sp.Expr], bool]:
    return lambda a, b: _is_data(a) and _is_data(b) and key(a) == key(b)


def _is_data(expr: sp.Expr) -> bool:
    return isinstance(expr, Element) and expr.tensor.role in _DATA_RANKS and expr.tensor.dtype == "float"


def _complement(a: sp.Expr, b: sp.Expr) -> bool:
    return any(one == 1 and _is_data(y) and y.tensor.domain == "unit" for one, y in ((a, b), (b, a)))


# The same entry of like tensors; any entries of like tensors; and 1 - y, whose rest may vanish with it.
_LIKENESSES = (
    _same(lambda element: (element.tensor.axes, element.positions)),
    _same(lambda element: element.tensor.axes),
    _complement,
)


def _part_key(part: _Part) -> tuple[int, int, object]:
    return min(map(_term_key, part), key=lambda key: key[:2])


def _term_key(term: sp.Expr) -> tuple[int, int, object]:
    """Entries of predictions, targets and workspace, then what is computed, parameters, and numbers."""
    magnitude = _magnitude(term)
    if isinstance(magnitude, Element):
        rank = _DATA_RANKS.get(magnitude.tensor.role, 4)
    else:
        rank = 5 if magnitude.is_number else 3
    return rank, int(_negative(term)), sp.default_sort_key(magnitude)


def _magnitude(term: sp.Expr) -> sp.Expr:
    return -term if _negative(term) else term


def _negative(term: sp.Expr) -> bool:
    return bool(term.as_coeff_Mul()[0] < 0) if not term.is_number else bool(term.is_extended_negative)
