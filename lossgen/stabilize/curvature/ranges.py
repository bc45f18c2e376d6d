"""Ranges of expressions over all values of the predictions: ends are formulas of targets and parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, reduce
from itertools import islice, product
from typing import Any

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element, tensors
from lossgen.stabilize.curvature.mixtures import LARGEST_ENTROPY, collected, ranges_with_mixture
from lossgen.stabilize.facts import bounds, is_nonneg, is_nonpos

Range = tuple[sp.Expr, sp.Expr]

_HALF = sp.Rational(1, 2)
_NUMBER = (-sp.oo, sp.oo)
# A longer formula of a bound helps nobody, and comparing such takes minutes.
_LONGEST = 150
_FIXED: tuple[tuple[type, Range], ...] = (
    (vo.inv1psq, (sp.S.Zero, sp.S.One)),
    (vo.over1psq, (-_HALF, _HALF)),
    (sp.sin, (sp.S.NegativeOne, sp.S.One)),
    (sp.cos, (sp.S.NegativeOne, sp.S.One)),
    (sp.atan, (-sp.pi / 2, sp.pi / 2)),
)
# Functions that are short for a product, a difference or a power.
_MEANINGS: dict[Any, Callable[..., sp.Expr]] = {
    vo.gated: lambda a, b: a * b,
    vo.quotient: lambda a, b: a / b,
    vo.sqdiv: lambda a, b: a**2 / b,
    vo.powered: lambda a, b, c, n: a * b ** (c + n),
    vo.gap: lambda a, b: a - b,
}


def range_of(expr: sp.Expr) -> Range:
    """Return (low, high), maybe infinite and free of predictions, with low <= expr <= high."""
    low, high = _range_of(expr)
    return (-sp.oo if is_longer(low, _LONGEST) else low), (sp.oo if is_longer(high, _LONGEST) else high)


def is_longer(expr: sp.Expr, nodes: int) -> bool:
    """Whether an expression has more nodes."""
    return sum(1 for _ in islice(sp.preorder_traversal(expr), nodes + 1)) > nodes


def _range_of(expr: sp.Expr) -> Range:
    if not varies(expr):
        return expr, expr
    if type(expr) in _MEANINGS:
        return range_of(_MEANINGS[type(expr)](*expr.args))
    if isinstance(expr, sp.Add):
        parts = [range_of(part) for part in expr.args]
        return _sum(low for low, _ in parts), _sum(high for _, high in parts)
    if isinstance(expr, sp.Mul):
        return _of_product(expr)
    if isinstance(expr, sp.Pow):
        return _of_power(expr)
    if isinstance(expr, Where):
        return _of_choice(expr)
    if isinstance(expr, sp.exp):
        low, high = range_of(expr.args[0])
        return sp.exp(low), sp.exp(high)
    if isinstance(expr, Reduction) and expr.op == "sum":
        return _of_sum(expr)
    for kind, fixed in _FIXED:
        if isinstance(expr, kind):
            return fixed
    return bounds(expr)


def written_out(expr: sp.Expr) -> sp.Expr:
    """Return an expression in sums, products and powers, the factors that terms share in front of them."""
    args = [written_out(arg) if isinstance(arg, sp.Expr) else arg for arg in expr.args]
    made = expr.func(*args) if args and not isinstance(expr, Element | Reduction) else expr
    made = _MEANINGS[type(made)](*made.args) if type(made) in _MEANINGS else made
    return sp.factor_terms(made) if isinstance(made, sp.Add) else made


def varies(expr: sp.Basic) -> bool:
    """Whether an expression reads predictions, or what is made of them."""
    return any(tensor.role in ("pred", "local") for tensor in tensors(expr))


def _sum(ends: Iterable[sp.Expr]) -> sp.Expr:
    return sp.Add(*ends)


def _of_product(expr: sp.Mul) -> Range:
    given = sp.Mul(*(part for part in expr.args if not varies(part)))
    mixed, single = ranges_with_mixture(part for part in expr.args if varies(part))
    found, left = _shares(single)
    varying = reduce(_product, [*mixed, *found, *map(range_of, left)])
    return _product((given, given), varying)


def _shares(parts: list[sp.Expr]) -> tuple[list[Range], list[sp.Expr]]:
    """Take out powers of a share p, of 1 - p and of -log p, that are not above a number together."""
    powers = collected(parts)
    found: list[Range] = []
    for p in list(powers):
        q = _rest_of(p)
        if q is None:
            continue
        logarithm = vo.softplus(-p.args[0]) if isinstance(p, vo.sigmoid) else None
        entropies = powers.get(logarithm, sp.S.Zero)
        if entropies.is_Integer and entropies > 0 and is_nonneg(powers[p] - entropies):
            powers[p] -= entropies
            del powers[logarithm]
            found.append((sp.S.Zero, LARGEST_ENTROPY**entropies))
        a, b = (powers.get(one, sp.S.Zero) for one in (p, q))
        if all(power != 0 and is_nonneg(power) for power in (a, b)):
            found.append((sp.S.Zero, (a / (a + b)) ** a * (b / (a + b)) ** b))
            powers[p] = powers[q] = sp.S.Zero
        elif a != 0 and is_nonneg(a):
            found.append((sp.S.Zero, sp.S.One))
            powers[p] = sp.S.Zero
    return found, [base**power for base, power in powers.items() if power != 0]


def _rest_of(share: sp.Expr) -> sp.Expr | None:
    """Return 1 - share as it stands in derivatives."""
    if isinstance(share, vo.sigmoid):
        return vo.sigmoid(-share.args[0])
    if isinstance(share, vo.firstshare):
        return vo.firstshare(*reversed(share.args))
    if isinstance(share, vo.sech2 | vo.omexp):
        return None
    return vo.omexp(share.args[0]) if isinstance(share, sp.exp) and bool(is_nonpos(share.args[0])) else None


def _product(first: Range, second: Range) -> Range:
    found = [_times(a, b) for a in first for b in second]
    corners = [corner for corner in found if corner is not None]
    return (least(corners), _largest(corners)) if len(corners) == len(found) else _NUMBER


def _times(a: sp.Expr, b: sp.Expr) -> sp.Expr | None:
    """Return the product of two ends; None where one is infinite and the sign of the other is not known."""
    if a.is_zero or b.is_zero:
        return sp.S.Zero
    for end, other in ((a, b), (b, a)):
        if end.is_infinite:
            return end if is_nonneg(other) else -end if is_nonpos(other) else None
    return a * b


def least(ends: list[sp.Expr]) -> sp.Expr:
    """Return the smallest end; those that are certainly not below another are left out."""
    kept: list[sp.Expr] = []
    for end in ends:
        if any(_below(one, end) for one in kept):
            continue
        kept = [one for one in kept if not _below(end, one)] + [end]
    return sp.Min(*kept)


def _largest(ends: list[sp.Expr]) -> sp.Expr:
    """Return the largest end; those that are certainly not above another are left out."""
    kept: list[sp.Expr] = []
    for end in ends:
        if any(_below(end, one) for one in kept):
            continue
        kept = [one for one in kept if not _below(one, end)] + [end]
    if len(kept) == 2 and kept[0] == -kept[1]:
        return sp.Abs(kept[0])
    return sp.Max(*kept)


@lru_cache(maxsize=4096)
def _below(a: sp.Expr, b: sp.Expr) -> bool:
    if a == b or a is -sp.oo or b is sp.oo:
        return True
    if isinstance(a, Where) or isinstance(b, Where):
        below = (one.args[1:] if isinstance(one, Where) else (one,) for one in (a, b))
        return all(_below(first, second) for first, second in product(*below))
    return not (a.is_infinite or b.is_infinite) and any(map(is_nonneg, (b - a, sp.expand(b - a))))


def _of_power(expr: sp.Pow) -> Range:
    base, exponent = expr.args
    low, high = range_of(base)
    if not exponent.is_number:
        return bounds(expr)
    if not is_nonneg(low):
        return _of_signed_power((low, high), exponent)
    if exponent > 0:
        return low**exponent, high**exponent
    return (
        sp.S.Zero if high is sp.oo else high**exponent,
        low**exponent if low.is_positive else sp.oo,
    )


def _of_signed_power(base: Range, exponent: sp.Expr) -> Range:
    if not exponent.is_Integer or exponent < 0:
        return (sp.S.Zero if exponent.is_even else -sp.oo), sp.oo
    low, high = (sp.oo if end.is_infinite and exponent.is_even else end**exponent for end in base)
    if exponent.is_odd:
        return low, high
    return (high if is_nonpos(base[1]) else sp.S.Zero), _largest([low, high])


def _of_choice(expr: Where) -> Range:
    test, *branches = expr.args
    (a, b), (c, d) = map(range_of, branches)
    if not varies(test):
        return Where(test, a, c), Where(test, b, d)
    return least([a, c]), _largest([b, d])


def _of_sum(expr: Reduction) -> Range:
    index, body = expr.open()
    low, high = (
        end if end.is_infinite or end == 0 else Reduction("sum", end, index) for end in range_of(body)
    )
    return low, high
