"""Rules on sums that cancel: name the difference so that it is never computed by subtraction."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.stabilize.facts import is_nonneg, is_nonpos
from lossgen.stabilize.rule import N, P, Q, Rule, T, W, X, Z
from lossgen.stabilize.terms import linear_part, take, terms_with

BOTH = ("lift", "clean")


def _expm1(expr: sp.Add) -> sp.Expr | None:
    """Write c*exp(u) - c as c*expm1(u), or -c*omexp(u) where u is never positive."""
    for node, c in terms_with(expr, sp.exp):
        u = node.args[0]
        rest = take(expr, c * node - c)
        if rest is not None:
            return rest - c * vo.omexp(u) if is_nonpos(u) else rest + c * vo.expm1(u)
    return None


def _power_minus_one(expr: sp.Add) -> sp.Expr | None:
    """c*b**e - c is c*expm1(e*log(b)) for a symbolic exponent."""
    for node, c in terms_with(expr, sp.Pow):
        if node.exp.is_number or not is_nonneg(node.base):
            continue
        rest = take(expr, c * node - c)
        if rest is not None:
            return rest + c * vo.expm1(node.exp * sp.log(node.base))
    return None


def _sigmoid_complement(expr: sp.Add) -> sp.Expr | None:
    """c*sigmoid(u) - c is -c*sigmoid(-u); also for a weighted mean of sigmoids taken from 1."""
    for node, c in terms_with(expr, vo.sigmoid):
        rest = take(expr, c * node - c)
        if rest is not None:
            return rest - c * vo.sigmoid(-node.args[0])
    found = list(terms_with(expr, vo.sigmoid))
    rest = expr - sp.Add(*(c * node for node, c in found))
    if len(found) > 1 and rest != 0 and sp.expand(rest + sp.Add(*(c for _, c in found))) == 0:
        return sp.Add(*(-c * vo.sigmoid(-node.args[0]) for node, c in found))
    return None


def _power_complement(expr: sp.Add) -> sp.Expr | None:
    """C - c*sigmoid(u)**n is c*omexp(-n*softplus(-u)) for a number n > 0."""
    for node, c in terms_with(expr, sp.Pow):
        if isinstance(node.base, vo.sigmoid) and node.exp.is_number and node.exp.is_positive:
            rest = take(expr, c * node - c)
            if rest is not None:
                return rest - c * vo.omexp(-node.exp * vo.softplus(-node.base.args[0]))
    return None


def _complements(expr: sp.Add) -> sp.Expr | None:
    """c*omexp(u) + c*exp(u) is c, and so is c*sigmoid(u) + c*sigmoid(-u)."""
    for node, c in terms_with(expr, vo.omexp):
        rest = take(expr, c * node + c * sp.exp(node.args[0]))
        if rest is not None:
            return rest + c
    for node, c in terms_with(expr, vo.sigmoid):
        rest = take(expr, c * node + c * vo.sigmoid(-node.args[0]))
        if rest is not None:
            return rest + c
    return None


def _sigmoid_to_tanh(expr: sp.Add) -> sp.Expr | None:
    """2*c*sigmoid(u) - c is c*tanh(u/2); sigmoid(-u) - sigmoid(u) is -tanh(u/2)."""
    for node, c in terms_with(expr, vo.sigmoid):
        u = node.args[0]
        rest = take(expr, c * node - c / 2)
        if rest is not None:
            return rest + c / 2 * sp.tanh(u / 2)
        rest = take(expr, c * node - c * vo.sigmoid(-u))
        if rest is not None:
            return rest + c * sp.tanh(u / 2)
    return None


def _sech2(expr: sp.Add) -> sp.Expr | None:
    """C - c*tanh(u)**2 is c*sech2(u)."""
    for node, c in terms_with(expr, sp.Pow):
        if isinstance(node.base, sp.tanh) and node.exp == 2:
            rest = take(expr, c * node - c)
            if rest is not None:
                return rest - c * vo.sech2(node.base.args[0])
    return None


def _softplus_minus_argument(expr: sp.Add) -> sp.Expr | None:
    """c*softplus(u) - c*u is c*softplus(-u)."""
    for node, c in terms_with(expr, vo.softplus):
        rest = take(expr, c * node - c * node.args[0])
        if rest is not None:
            return rest + c * vo.softplus(-node.args[0])
    return None


def _softplus_of_opposites(expr: sp.Add) -> sp.Expr | None:
    """c*softplus(u) - c*softplus(-u) is c*u."""
    for node, c in terms_with(expr, vo.softplus):
        u = node.args[0]
        rest = take(expr, c * node - c * vo.softplus(-u))
        if rest is not None:
            return rest + c * u
    return None


def _softplus_and_line(expr: sp.Add) -> sp.Expr | None:
    """c*softplus(u) - k*u, 0 <= k <= c, is (c - k)*softplus(u) + k*softplus(-u): nothing cancels."""
    for node, c in terms_with(expr, vo.softplus):
        u = node.args[0]
        core = -u if u.could_extract_minus_sign() else u
        slope, rest = _line(expr - c * node, core)
        k = sp.expand(slope if core != u else -slope)
        left = sp.expand(c - k)
        if k.is_zero or left.is_zero or not (is_nonneg(k) and is_nonneg(left)):
            continue
        return rest + _short(left) * vo.softplus(u) + _short(k) * vo.softplus(-u)
    return None


def _line(expr: sp.Expr, core: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return (slope, rest) with ``expr = slope * core + rest``; a sum may be multiplied out."""
    slope, rest = linear_part(expr, core)
    if slope.is_zero and isinstance(core, sp.Add):
        number, part = core.args[0].as_coeff_Mul()
        slope = linear_part(expr, part)[0] / number
        left = take(expr, sp.expand_mul(slope * core)) if not slope.is_zero else None
        slope, rest = (sp.S.Zero, expr) if left is None else (slope, left)
    return slope, rest


def _short(expr: sp.Expr) -> sp.Expr:
    return sp.factor_terms(expr)


def _clipped_softplus(expr: sp.Add) -> sp.Expr | None:
    """c*Max(u, 0) + c*softplus(-Abs(u)) is c*softplus(u)."""
    for node, c in terms_with(expr, vo.softplus):
        size = -node.args[0]
        if not isinstance(size, sp.Abs):
            continue
        for u in (size.args[0], -size.args[0]):
            rest = take(expr, c * node + c * sp.Max(u, 0))
            if rest is not None:
                return rest + c * vo.softplus(u)
    return None


RULES = (
    Rule(
        "name-expm1",
        BOTH,
        "cancellation near u = 0",
        (sp.Add,),
        _expm1,
        lambda: (sp.exp(X) - 1, 1 - sp.exp(N), W - W * sp.exp(-(X**2)) + Z, T * sp.exp(X) - T),
    ),
    Rule(
        "power-minus-one",
        BOTH,
        "cancellation near b**e = 1",
        (sp.Add,),
        _power_minus_one,
        lambda: (P**W - 1, Q - Q * P**X),
    ),
    Rule(
        "sigmoid-complement",
        BOTH,
        "1 - p losing a small 1 - p",
        (sp.Add,),
        _sigmoid_complement,
        lambda: (
            1 - vo.sigmoid(X),
            W * vo.sigmoid(X) - W + Z,
            1 - T * vo.sigmoid(X) - (1 - T) * vo.sigmoid(-X),
        ),
    ),
    Rule(
        "sigmoid-power-complement",
        BOTH,
        "1 - p**n losing a small 1 - p",
        (sp.Add,),
        _power_complement,
        lambda: (1 - vo.sigmoid(X) ** 2, W * vo.sigmoid(-X) ** 3 - W + Z),
    ),
    Rule(
        "complements",
        BOTH,
        "two roundings where there is nothing to compute",
        (sp.Add,),
        _complements,
        lambda: (W * vo.omexp(N) + W * sp.exp(N) - Z, vo.sigmoid(X) + vo.sigmoid(-X)),
    ),
    Rule(
        "sigmoid-to-tanh",
        BOTH,
        "cancellation near u = 0",
        (sp.Add,),
        _sigmoid_to_tanh,
        lambda: (2 * vo.sigmoid(X) - 1, W * vo.sigmoid(-X) - W * vo.sigmoid(X)),
    ),
    Rule(
        "name-sech2-difference",
        BOTH,
        "1 - tanh(u)**2 losing its last digits",
        (sp.Add,),
        _sech2,
        lambda: (1 - sp.tanh(X) ** 2, W * sp.tanh(X) ** 2 - W),
    ),
    Rule(
        "softplus-minus-argument",
        BOTH,
        "cancellation at large u",
        (sp.Add,),
        _softplus_minus_argument,
        lambda: (vo.softplus(X) - X, T * vo.softplus(-X) + T * X, 2 * vo.softplus(X - Z) - 2 * X + 2 * Z),
    ),
    Rule(
        "softplus-of-opposites",
        BOTH,
        "cancellation near u = 0, and two functions where there is nothing to compute",
        (sp.Add,),
        _softplus_of_opposites,
        lambda: (
            vo.softplus(X) - vo.softplus(-X),
            W * vo.softplus(Z - X) - W * vo.softplus(X - Z) + T,
        ),
    ),
    Rule(
        "softplus-and-line",
        BOTH,
        "cancellation at large u",
        (sp.Add,),
        _softplus_and_line,
        lambda: (
            vo.softplus(X) - T * X,
            vo.softplus(-X) + X - T * X,
            (1 + (W - 1) * T) * vo.softplus(-X) + (1 - T) * X,
            (W + Q) * vo.softplus(X - sp.log(Q)) - W * X + W * sp.log(Q),
        ),
    ),
    Rule(
        "clipped-softplus",
        BOTH,
        "a branch that the function has already",
        (sp.Add,),
        _clipped_softplus,
        lambda: (sp.Max(X, 0) + vo.softplus(-sp.Abs(X)), sp.Max(-X, 0) + vo.softplus(-sp.Abs(X)) - T),
    ),
)
