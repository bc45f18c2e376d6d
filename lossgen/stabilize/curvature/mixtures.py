"""Ranges of products with a power of m = a p + b (1 - p), where p is a share and a + b = 1.

Below, q = 1 - p. Where m is divided by, what stands above it vanishes as fast: q p / m is the harmonic mean
of q and p with the weights a and b; (a p - b q) / m lies between -1 and 1; and of the cross-entropy
h = -a log q - b log p, p q h / m is the mean of -q log q and -p log p with the weights a p / m and b q / m,
none of which is above 1/e.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.stabilize.facts import is_nonneg

_MOST = 4
# A little above 1/e, the largest -p log p.
LARGEST_ENTROPY = sp.Rational(7, 19)


class Mixture(NamedTuple):
    """The shares p and 1 - p, and their weights."""

    p: sp.Expr
    q: sp.Expr
    a: sp.Expr
    b: sp.Expr


def ranges_with_mixture(parts: Iterable[sp.Expr]) -> tuple[list[tuple[sp.Expr, sp.Expr]], list[sp.Expr]]:
    """Return ranges of factors that were taken together, and the factors that are left."""
    powers = collected(parts)
    found: list[tuple[sp.Expr, sp.Expr]] = []
    for base in list(powers):
        mixture = _mixture(base)
        below = next((k for k in range(_MOST) if is_nonneg(powers[base] + k)), None)
        if mixture is None or below is None:
            continue
        taken = _above(mixture, powers, below)
        if taken is not None:
            # What is left is a power of m that is not negative, and m is not above 1.
            del powers[base]
            found += [(sp.S.Zero, sp.S.One), *taken]
    return found, [base**power for base, power in powers.items() if power != 0]


def collected(parts: Iterable[sp.Expr]) -> dict[sp.Expr, sp.Expr]:
    """Return the exponent of each base of a product."""
    powers: dict[sp.Expr, sp.Expr] = {}
    for part in parts:
        base, power = (part, sp.S.One) if isinstance(part, sp.exp) else part.as_base_exp()
        powers[base] = powers.get(base, sp.S.Zero) + power
    return powers


def _mixture(base: sp.Expr) -> Mixture | None:
    terms = base.args if isinstance(base, sp.Add) else ()
    split = [one for one in map(_weighted, terms) if one is not None]
    if len(split) != 2 or len(terms) != 2:
        return None
    (p, a), (q, b) = split
    if not (isinstance(p, vo.sigmoid) and q == vo.sigmoid(-p.args[0]) and sp.expand(a + b) == 1):
        return None
    return Mixture(p, q, a, b) if is_nonneg(a) and is_nonneg(b) else None


def _weighted(term: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    shares = [part for part in sp.Mul.make_args(term) if isinstance(part, vo.sigmoid)]
    return (shares[0], term / shares[0]) if len(shares) == 1 else None


def _above(m: Mixture, powers: dict[sp.Expr, sp.Expr], below: int) -> list[tuple[sp.Expr, sp.Expr]] | None:
    """Take as many factors from `powers` as m is divided by; return their ranges."""
    left = dict(powers)
    entropy = m.a * vo.softplus(m.p.args[0]) + m.b * vo.softplus(m.q.args[0])
    signed = m.a * m.p - m.b * m.q
    both = (m.p, m.q)
    table = (
        ((entropy, *both), (sp.S.Zero, LARGEST_ENTROPY)),
        ((signed,), (sp.S.NegativeOne, sp.S.One)),
        ((-signed,), (sp.S.NegativeOne, sp.S.One)),
        (both, (sp.S.Zero, sp.S.One)),
    )
    found: list[tuple[sp.Expr, sp.Expr]] = []
    for factors, over in table:
        while len(found) < below and all(left.get(one, sp.S.Zero) >= 1 for one in factors):
            for one in factors:
                left[one] -= 1
            found.append(over)
    if len(found) < below:
        return None
    powers.update(left)
    return found
