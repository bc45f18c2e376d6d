"""Rules on remainders of series: what a function is beyond its tangent is a function of its own."""

from __future__ import annotations

from itertools import product

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Where
from lossgen.stabilize.facts import is_nonneg
from lossgen.stabilize.rule import P, Q, Rule, T, W, X, Z
from lossgen.stabilize.terms import exp_term, take, terms_with

BOTH = ("lift", "clean")


def _exp_remainder(expr: sp.Add) -> sp.Expr | None:
    """c*exp(u) - c - c*u is c*expm1mx(u)."""
    for kind, constant in ((sp.exp, 1), (vo.expm1, 0)):
        for node, c in terms_with(expr, kind):
            u = node.args[0]
            rest = take(expr, c * node - c * constant - sp.expand_mul(c * u))
            rest = take(expr, c * node - c * constant - c * u) if rest is None else rest
            if rest is not None:
                return rest + c * vo.expm1mx(u)
    return None


def _expm1_slope(expr: sp.Add) -> sp.Expr | None:
    """c*u*exp(v + u) - c*exp(v)*expm1(u) is c*exp(v + u)*expm1mx(-u), 0 times infinity far to the left."""
    for node, coefficient in terms_with(expr, vo.expm1):
        u = node.args[0]
        c, v = exp_term(-coefficient)
        rest = take(expr, c * u * sp.exp(v + u) - c * sp.exp(v) * node)
        if rest is not None:
            near = sp.exp(v + u) * vo.expm1mx(-u)
            far = u * sp.exp(v + u) + sp.exp(v) * vo.omexp(u)
            return rest + c * (near if is_nonneg(u) else Where(sp.Gt(u, -1), near, far))
    return None


def _exp_above_tangent(expr: sp.Add) -> sp.Expr | None:
    """c*exp(a) - c*exp(b) - c*exp(b)*(a - b) is c*expgap(a, b)."""
    found = list(terms_with(expr, sp.exp))
    for (first, c), (second, d) in product(found, found):
        a, b = first.args[0], second.args[0]
        if c == -d and a != b:
            rest = take(expr, c * first - c * second - c * second * (a - b))
            if rest is not None:
                return rest + c * vo.expgap(a, b)
    return None


def _exp_above_own_tangent(expr: sp.Add) -> sp.Expr | None:
    """c*exp(a) - c*t - c*t*a + c*t*log(t) is c*t*expm1mx(a - log(t)), and c*exp(a) where t is 0."""
    for term in expr.args:
        c, t = _times_own_logarithm(term)
        for first, _ in terms_with(expr, sp.exp) if t is not None else ():
            a = first.args[0]
            for line in (c * t * a, sp.expand_mul(c * t * a)):
                rest = take(expr, c * first - c * t - line + term)
                if rest is not None:
                    gap = a - sp.log(t)
                    far = first - t * (gap + 1)
                    near = Where(sp.Lt(sp.Abs(gap), 1), t * vo.expm1mx(gap), far)
                    return rest + c * Where(sp.Gt(t, 0), near, first)
    return None


def _times_own_logarithm(term: sp.Expr) -> tuple[sp.Expr, sp.Expr | None]:
    """Write a term as c*t*log(t), which is 0 at 0: return c and t, None for any other term."""
    for part in sp.Mul.make_args(term):
        if isinstance(part, Where) and part.args[1] == 0:
            c, t = _times_own_logarithm(part.args[2])
            if t is not None and part.args[0] == sp.Eq(t, 0):
                return term / part * c, t
        if isinstance(part, vo.xlogy) and part.args[0] == part.args[1]:
            return term / part, part.args[0]
        if isinstance(part, sp.log) and part.args[0] in sp.Mul.make_args(term):
            return term / part / part.args[0], part.args[0]
    return term, None


def _log_remainder(expr: sp.Add) -> sp.Expr | None:
    """c*u - c*log1p(u) is c*xmlog1p(u)."""
    for node, c in terms_with(expr, vo.log1p):
        rest = take(expr, c * node - c * node.args[0])
        if rest is not None:
            return rest - c * vo.xmlog1p(node.args[0])
    return None


def _log_square_remainder(expr: sp.Add) -> sp.Expr | None:
    """c*log1psq(u) - c*u*over1psq(u) is c*log1psqrest(u)."""
    for node, c in terms_with(expr, vo.log1psq):
        u = node.args[0]
        rest = take(expr, c * node - c * u * vo.over1psq(u))
        if rest is not None:
            return rest + c * vo.log1psqrest(u)
    return None


def _softplus_remainder(expr: sp.Add) -> sp.Expr | None:
    """c*softplus(u) - c*sigmoid(u) is c*softplusrest(u)."""
    for node, c in terms_with(expr, vo.softplus):
        rest = take(expr, c * node - c * vo.sigmoid(node.args[0]))
        if rest is not None:
            return rest + c * vo.softplusrest(node.args[0])
    return None


RULES = (
    Rule(
        "exp-remainder",
        BOTH,
        "cancellation to second order near 0",
        (sp.Add,),
        _exp_remainder,
        lambda: (sp.exp(X) - X - 1, W * sp.exp(Q * X) - W - W * Q * X + Z, vo.expm1(X) - X),
    ),
    Rule(
        "expm1-slope",
        BOTH,
        "cancellation to second order near 0",
        (sp.Add,),
        _expm1_slope,
        lambda: (
            X * sp.exp(X) - vo.expm1(X),
            W * sp.exp(Z) * vo.expm1(Q * X) / Q**2 - W * X * sp.exp(Z + Q * X) / Q + T,
        ),
    ),
    Rule(
        "exp-above-tangent",
        ("lift",),
        "infinity minus infinity, and cancellation where the exponents agree",
        (sp.Add,),
        _exp_above_tangent,
        lambda: (
            sp.exp(X) - sp.exp(Z) - sp.exp(Z) * (X - Z),
            W * sp.exp(X) - W * sp.exp(Q) - W * (X - Q) * sp.exp(Q) + T,
        ),
    ),
    Rule(
        "exp-above-own-tangent",
        ("lift",),
        "cancellation where the exponential is nearly the label",
        (sp.Add,),
        _exp_above_own_tangent,
        lambda: (
            2 * vo.xlogy(T, T) - 2 * T * X - 2 * T + 2 * sp.exp(X),
            sp.exp(X - Z) - W * (X - Z) - W + Where(sp.Eq(W, 0), 0, W * sp.log(W)) + Q,
            P * sp.log(P) - P * X - P + sp.exp(X),
        ),
    ),
    Rule(
        "log-remainder",
        BOTH,
        "cancellation to second order near 0",
        (sp.Add,),
        _log_remainder,
        lambda: (P - vo.log1p(P), W * vo.log1p(P / Q) - W * P / Q + X),
    ),
    Rule(
        "log-square-remainder",
        BOTH,
        "cancellation to second order near 0",
        (sp.Add,),
        _log_square_remainder,
        lambda: (
            vo.log1psq(X) - X * vo.over1psq(X),
            Q * vo.log1psq((X - Z) / Q) - (X - Z) * vo.over1psq((X - Z) / Q) + T,
        ),
    ),
    Rule(
        "softplus-remainder",
        BOTH,
        "cancellation to second order far to the left",
        (sp.Add,),
        _softplus_remainder,
        lambda: (vo.softplus(X) - vo.sigmoid(X), T * vo.sigmoid(X - Z) - T * vo.softplus(X - Z) + W),
    ),
)
