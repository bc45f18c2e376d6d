"""Rules on differences of two values of one function: close arguments are subtracted first."""

from __future__ import annotations

from itertools import permutations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Where
from lossgen.stabilize.facts import is_nonneg, is_positive
from lossgen.stabilize.rule import P, Q, Rule, T, W, X, Z
from lossgen.stabilize.terms import factors, take, terms_with


def _difference_of_sigmoids(expr: sp.Add) -> sp.Expr | None:
    """c*sigmoid(a) - c*sigmoid(b) is c*tanh((a - b)/2) times a sum of products of sigmoids.

    tanh(a) is 2*sigmoid(2*a) - 1, so differences of two of them are alike.
    """
    for kind, scale in ((vo.sigmoid, 1), (sp.tanh, 2)):
        for node, c in terms_with(expr, kind):
            for other, _ in terms_with(expr, kind):
                a, b = scale * node.args[0], scale * other.args[0]
                # Opposite ones have a name of their own.
                rest = take(expr, c * node - c * other) if a not in (b, -b) else None
                if rest is not None:
                    mixed = vo.sigmoid(a) * vo.sigmoid(-b) + vo.sigmoid(b) * vo.sigmoid(-a)
                    return rest + scale * c * sp.tanh((a - b) / 2) * mixed
    return None


def _log_difference_of_sigmoids(expr: sp.log) -> sp.Expr | None:
    """log(sigmoid(a) - sigmoid(b)) is log1mexp(b - a) - softplus(-a) - softplus(b)."""
    found = list(terms_with(expr.args[0], vo.sigmoid))
    for (node, c), (other, d) in permutations(found, 2):
        a, b = node.args[0], other.args[0]
        if c == -d and is_positive(c) and take(expr.args[0], c * node - c * other) == 0:
            # A logarithm of a difference is one of nothing but positive numbers.
            return sp.log(c) + vo.log1mexp(sp.expand(b - a)) - vo.softplus(-a) - vo.softplus(b)
    return None


def _difference_of_expm1(expr: sp.Add) -> sp.Expr | None:
    """c*expm1(k*log(a)) - c*expm1(m*log(b)) is c*a**k - c*b**m: what was a power of itself may be tiny."""
    for node, c in terms_with(expr, vo.expm1):
        for other, _ in terms_with(expr, vo.expm1):
            first, second = (_as_power(one.args[0]) for one in (node, other))
            rest = take(expr, c * node - c * other) if first != second else None
            if rest is not None and first is not None and second is not None:
                return rest + c * first - c * second
    return None


def _difference_of_powers(expr: sp.Add) -> sp.Expr | None:
    """c*a**e - c*b**e is c*a**e*omexp(e*log(b/a)) for b <= a, and the same from the other end."""
    for node, c in terms_with(expr, sp.Pow):
        for other, _ in terms_with(expr, sp.Pow):
            a, b, e = node.base, other.base, node.exp
            if (
                (e.is_number and (2 * e).is_Integer)  # roots and whole powers have rules of their own
                or other.exp != e
                or a == b
                or not (is_positive(a) and is_positive(b) and is_nonneg(e))
            ):
                continue
            rest = take(expr, c * node - c * other)
            if rest is not None:
                down, up = (p * vo.omexp(e * sp.log(q)) for p, q in ((node, b / a), (other, a / b)))
                return rest + c * Where(sp.Ge(a, b), down, -up)
    return None


def _as_power(exponent: sp.Expr) -> sp.Expr | None:
    """Return exp(exponent) as a power of the argument of its logarithm."""
    for node, c in factors(exponent, sp.log):
        return node.args[0] ** c
    return None


def _difference_of_log1p(expr: sp.Add) -> sp.Expr | None:
    """c*log1p(a) - c*log1p(b) is c*log1p((a - b)/(1 + b)), or the same from the other end for a < b."""
    for node, c in terms_with(expr, vo.log1p):
        for other, _ in terms_with(expr, vo.log1p):
            a, b = node.args[0], other.args[0]
            rest = take(expr, c * node - c * other) if a != b else None
            if rest is not None and is_nonneg(a) and is_nonneg(b) and a.is_finite and b.is_finite:
                gap = sp.factor_terms(a - b)
                up, down = vo.log1p(gap / (1 + b)), vo.log1p(-gap / (1 + a))
                return rest + c * Where(sp.Ge(gap, 0), up, -down)
    return None


RULES = (
    Rule(
        "log-difference-of-sigmoids",
        ("lift",),
        "two sigmoids that are almost the same, or both almost 0",
        (sp.log,),
        _log_difference_of_sigmoids,
        lambda: (
            sp.log(vo.sigmoid(X + Q) - vo.sigmoid(X)),
            sp.log(P * vo.sigmoid(X + Q) - P * vo.sigmoid(X)),
        ),
    ),
    Rule(
        "difference-of-sigmoids",
        ("clean",),
        "cancellation near a = b, and where both are almost 1",
        (sp.Add,),
        _difference_of_sigmoids,
        lambda: (
            vo.sigmoid(X) - vo.sigmoid(Z),
            W * vo.sigmoid(Z / Q) - W * vo.sigmoid(X) + T,
            sp.tanh(X) - sp.tanh(Z),
        ),
    ),
    Rule(
        "difference-of-expm1",
        ("lift",),
        "two almost equal numbers near -1 instead of two powers near 0",
        (sp.Add,),
        _difference_of_expm1,
        lambda: (
            vo.expm1(W * sp.log(P)) - vo.expm1(W * sp.log(Q)),
            T * vo.expm1(W * sp.log(P)) / W - T * vo.expm1(X * sp.log(Q)) / W + Z,
        ),
    ),
    Rule(
        "difference-of-log1p",
        ("clean",),
        "cancellation near a = b",
        (sp.Add,),
        _difference_of_log1p,
        lambda: (vo.log1p(P) - vo.log1p(Q), W * vo.log1p(P * W) - W * vo.log1p(Q * W) + T),
    ),
    Rule(
        "difference-of-powers",
        ("clean",),
        "cancellation near a = b",
        (sp.Add,),
        _difference_of_powers,
        lambda: (
            P**W - Q**W,
            T * Q ** (W + 1) * X - T * P ** (W + 1) * X + Z,
            P ** sp.Rational(5, 11) - Q ** sp.Rational(5, 11),
        ),
    ),
)
