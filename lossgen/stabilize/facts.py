"""Sound facts about signs and ranges, beyond what SymPy's assumptions can hold.

Every answer is "certainly" or "unknown" (False here): a rule that needs a fact does not fire where the
fact is unknown.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Delta, Detach, Reduction, Where
from lossgen.algebra.tensors import Element

Range = tuple[sp.Expr, sp.Expr]

OO = sp.oo
ANY: Range = (-OO, OO)
NONNEGATIVE: Range = (sp.S.Zero, OO)
UNIT: Range = (sp.S.Zero, sp.S.One)

_DOMAIN_RANGES: dict[str, Range] = {
    "positive": NONNEGATIVE,
    "nonnegative": NONNEGATIVE,
    "unit": UNIT,
    "binary": UNIT,
    "sign": (sp.S.NegativeOne, sp.S.One),
}
_FIXED_RANGES: tuple[tuple[type, Range], ...] = (
    (vo.sigmoid, UNIT),
    (vo.firstshare, UNIT),
    (vo.omexp, UNIT),
    (vo.sech2, UNIT),
    (Delta, UNIT),
    (sp.tanh, (sp.S.NegativeOne, sp.S.One)),
    (sp.sign, (sp.S.NegativeOne, sp.S.One)),
    (vo.tail, (sp.S.Zero, sp.Integer(2))),
    (sp.erfc, (sp.S.Zero, sp.Integer(2))),
    (vo.logshare, (-OO, sp.S.Zero)),
    (vo.log1mexp, (-OO, sp.S.Zero)),
)


def is_nonneg(expr: sp.Expr) -> bool:
    """Whether `expr` >= 0 everywhere on its domain."""
    return bool(expr.is_nonnegative) or _at_least_zero(bounds(expr)[0])


def is_nonpos(expr: sp.Expr) -> bool:
    """Whether `expr` <= 0 everywhere on its domain."""
    return bool(expr.is_nonpositive) or _at_least_zero(-bounds(expr)[1])


@lru_cache(maxsize=1 << 16)
def is_positive(expr: sp.Expr) -> bool:
    """Whether `expr` > 0 everywhere on its domain."""
    if expr.is_positive or bounds(expr)[0].is_extended_positive:
        return True
    if isinstance(expr, sp.Add):
        return all(map(is_nonneg, expr.args)) and any(map(is_positive, expr.args))
    if isinstance(expr, sp.Mul):
        return all(map(is_positive, expr.args))
    if isinstance(expr, sp.Pow):
        return is_positive(expr.base)
    if isinstance(expr, Where):
        return is_positive(expr.args[1]) and is_positive(expr.args[2])
    if isinstance(expr, Reduction):
        return expr.op in ("sum", "max", "min") and is_positive(expr.body)
    return False


@lru_cache(maxsize=1 << 16)
def bounds(expr: sp.Expr) -> Range:
    """Return numbers (low, high), maybe infinite, with low <= expr <= high everywhere on its domain."""
    if expr.is_number:
        return (expr, expr) if expr.is_extended_real else ANY
    if isinstance(expr, Element):
        return _DOMAIN_RANGES.get(expr.tensor.domain, ANY)
    if isinstance(expr, Axis):
        return (sp.S.One, OO)
    if isinstance(expr, Index):
        return NONNEGATIVE
    for kind, fixed in _FIXED_RANGES:
        if isinstance(expr, kind):
            return fixed
    found = _composite(expr)
    return ANY if sp.nan in found else found


def _composite(expr: sp.Expr) -> Range:
    parts = [bounds(arg) for arg in expr.args] if isinstance(expr, _STRUCTURAL) else []
    if isinstance(expr, sp.Add):
        return _sum(part[0] for part in parts), _sum(part[1] for part in parts)
    if isinstance(expr, sp.Mul | vo.gated):
        product = parts[0]
        for part in parts[1:]:
            product = _product(product, part)
        return product
    if isinstance(expr, sp.Pow):
        return _power(expr, bounds(expr.base), bounds(expr.exp))
    if isinstance(expr, sp.exp):
        return sp.exp(parts[0][0]), sp.exp(parts[0][1])
    if isinstance(expr, sp.Abs):
        return _absolute(parts[0])
    if isinstance(expr, sp.Max):
        return sp.Max(*(part[0] for part in parts)), sp.Max(*(part[1] for part in parts))
    if isinstance(expr, sp.Min):
        return sp.Min(*(part[0] for part in parts)), sp.Min(*(part[1] for part in parts))
    if isinstance(expr, Where):
        first, second = bounds(expr.args[1]), bounds(expr.args[2])
        return sp.Min(first[0], second[0]), sp.Max(first[1], second[1])
    if isinstance(expr, sp.log | vo.log1p | vo.expm1):
        return _monotone(expr, parts[0])
    if isinstance(expr, Reduction):
        return _reduction(expr)
    if isinstance(expr, Detach):
        return parts[0]
    if expr.is_nonnegative:
        return NONNEGATIVE
    return (-OO, sp.S.Zero) if expr.is_nonpositive else ANY


_STRUCTURAL = (
    sp.Add, sp.Mul, vo.gated, sp.exp, sp.Abs, sp.Max, sp.Min, sp.log, vo.log1p, vo.expm1, Detach,
)  # fmt: skip


def _at_least_zero(value: sp.Expr) -> bool:
    return bool(value.is_extended_nonnegative)


def _sum(values: object) -> sp.Expr:
    return sp.Add(*values)  # type: ignore[misc]


def _times(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    # The end of a range that is 0 stays 0 against an infinite end: both stand for limits of finite numbers.
    return sp.S.Zero if a.is_zero or b.is_zero else a * b


def _product(first: Range, second: Range) -> Range:
    corners = [_times(a, b) for a in first for b in second]
    return sp.Min(*corners), sp.Max(*corners)


def _absolute(part: Range) -> Range:
    low, high = part
    if _at_least_zero(low):
        return part
    if _at_least_zero(-high):
        return -high, -low
    return sp.S.Zero, sp.Max(-low, high)


def _power(expr: sp.Pow, base: Range, exponent: Range) -> Range:
    if expr.exp.is_Integer and expr.exp.is_even:
        base = _absolute(base)
    if not _at_least_zero(base[0]):
        return ANY
    if expr.exp.is_number and expr.exp.is_positive:
        return base[0] ** expr.exp, base[1] ** expr.exp
    if expr.exp.is_number and expr.exp.is_negative:
        high = OO if base[0].is_zero else base[0] ** expr.exp
        return (sp.S.Zero if base[1] is OO else base[1] ** expr.exp), high
    if _at_least_zero(1 - base[1]) and _at_least_zero(exponent[0]):
        return UNIT
    return NONNEGATIVE


def _monotone(expr: sp.Expr, part: Range) -> Range:
    """Range of a rising function whose sign changes at 1 (log) or 0 (log1p, expm1)."""
    zero = sp.S.One if isinstance(expr, sp.log) else sp.S.Zero
    if _at_least_zero(part[0] - zero):
        return NONNEGATIVE
    floor = sp.S.NegativeOne if isinstance(expr, vo.expm1) else -OO
    return (floor, sp.S.Zero) if _at_least_zero(zero - part[1]) else (floor, OO)


def _reduction(expr: Reduction) -> Range:
    if expr.op in ("max", "min"):
        return bounds(expr.body)
    if expr.op == "sum":
        low, high = bounds(expr.body)
        # At least one term, each of them at least `low`.
        return (low if _at_least_zero(low) else -OO), (high if _at_least_zero(-high) else OO)
    return ANY if expr.op == "lse" else NONNEGATIVE
