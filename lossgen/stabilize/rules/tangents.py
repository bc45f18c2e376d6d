"""Rules on sums that touch 0: what a power rises above its tangent where its arguments agree."""

from __future__ import annotations

from itertools import permutations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element, elements
from lossgen.stabilize.facts import is_positive
from lossgen.stabilize.rule import P, Q, Rule, T, W

_HALF = sp.Rational(1, 2)


def _powers_above_tangent(expr: sp.Add) -> sp.Expr | None:
    """c*(s**a*t**(1 - a) - a*s - (1 - a)*t) times powers of s and t is of second order near s = t."""
    if len(expr.args) < 3 or expr.has(Reduction, Where, sp.Function):
        return None
    bases = [one for one in sorted(elements(expr), key=sp.default_sort_key) if is_positive(one)]
    for s, t in permutations(bases, 2):
        split = [_powers(term, s, t) for term in expr.args]
        for i, j, k in permutations(range(len(split)), 3):
            found = _touching(split[i], split[j], split[k], s, t)
            if found is not None:
                three = expr.args[i] + expr.args[j] + expr.args[k]
                close = sp.Lt(2 * sp.Abs(s - t), t)
                return expr - three + Where(close, found, three)
    return None


def _powers(term: sp.Expr, s: Element, t: Element) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Write a term as c * s**p * t**q: return c, p and q."""
    exponents = {s: sp.S.Zero, t: sp.S.Zero}
    rest = []
    for part in sp.Mul.make_args(term):
        base, exponent = part.as_base_exp()
        if base in exponents:
            exponents[base] += exponent
        else:
            rest.append(part)
    return sp.Mul(*rest), exponents[s], exponents[t]


_Powers = tuple[sp.Expr, sp.Expr, sp.Expr]


def _touching(first: _Powers, second: _Powers, third: _Powers, s: Element, t: Element) -> sp.Expr | None:
    """Return the sum of three terms near s = t if the second and third are the tangent of the first."""
    (c, p, q), (d, p_s, q_s), (e, p_t, q_t) = first, second, third
    if sp.expand(p_s - p_t) != 1 or sp.expand(q_t - q_s) != 1 or sp.expand(p + q - p_t - q_t) != 0:
        return None
    a = sp.expand(p - p_t)
    # Whole powers are polynomials, which are factored.
    if a.is_Integer or any(one.has(s, t) for one in (c, d, e)):
        return None
    if sp.cancel(d + a * c) != 0 or sp.cancel(e + (1 - a) * c) != 0:
        return None
    scale = s**p_t * t**q_s
    above, below = _remainder(s, t, a), _remainder(t, s, 1 - a)
    return (
        c * scale * (above if a >= _HALF else below)
        if a.is_number
        else c * scale * Where(sp.Ge(a, _HALF), above, below)
    )


def _remainder(s: Element, t: Element, a: sp.Expr) -> sp.Expr:
    """s**a*t**(1 - a) - a*s - (1 - a)*t: no term is negative for a >= 1, little cancels from 1/2 on."""
    b = sp.expand(a - 1)
    return s * vo.expm1mx(b * sp.log(s / t)) + b * vo.entropygap(s, t)


RULES = (
    Rule(
        "powers-above-tangent",
        ("value",),
        "three powers that cancel to second order where their bases agree",
        (sp.Add,),
        _powers_above_tangent,
        lambda: (
            P**W * Q ** (1 - W) / (W * (W - 1)) - P / (W - 1) + Q / W,
            Q**W / (W * (W - 1)) + P**W / W - Q * P ** (W - 1) / (W - 1) + T,
            sp.sqrt(P * Q) - P / 2 - Q / 2,
        ),
    ),
)
