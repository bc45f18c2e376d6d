"""Rules that give quotients of exponentials, and exponentials of logarithms, their names."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Reduction
from lossgen.stabilize.facts import is_nonneg, is_positive
from lossgen.stabilize.logview import sum_of
from lossgen.stabilize.rule import I, Q, Rule, T, V, W, X, Z
from lossgen.stabilize.terms import exp_term, factors

BOTH = ("lift", "clean")


def _sigmoid(expr: sp.Pow) -> sp.Expr | None:
    """(c + d*exp(v))**-n is (sigmoid(log(c/d) - v) / c)**n."""
    if (
        not isinstance(expr.base, sp.Add)
        or len(expr.base.args) != 2
        or not expr.exp.could_extract_minus_sign()
    ):
        return None
    split = sorted((exp_term(term) for term in expr.base.args), key=lambda pair: not pair[1].is_zero)
    (constant, zero), (coefficient, exponent) = split
    if not zero.is_zero or exponent.is_zero or not (is_positive(constant) and is_positive(coefficient)):
        return None
    # Where c differs from d, log(c/d) enters; it is 0 for the usual 1 + exp(v).
    return constant**expr.exp * vo.sigmoid(sp.log(constant / coefficient) - exponent) ** -expr.exp


def _tanh(expr: sp.Mul) -> sp.Expr | None:
    """(exp(a) - exp(b)) / (exp(a) + exp(b)) is tanh((a - b) / 2)."""
    for below in expr.args:
        if not (isinstance(below, sp.Pow) and below.exp == -1 and isinstance(below.base, sp.Add)):
            continue
        split = [exp_term(term) for term in below.base.args]
        if len(split) != 2 or split[0][0] != split[1][0]:
            continue
        (c, a), (_, b) = split
        for above in expr.args:
            for first, second in ((a, b), (b, a)):
                if above == c * sp.exp(first) - c * sp.exp(second):
                    return sp.tanh((first - second) / 2) * (expr / above / below)
    return None


def _exp_of_name(expr: sp.exp) -> sp.Expr | None:
    coefficient, name = expr.args[0].as_coeff_Mul()
    if isinstance(name, vo.softplus) and coefficient.is_negative:
        return vo.sigmoid(-name.args[0]) ** -coefficient
    if isinstance(name, vo.log1mexp) and coefficient == 1:
        return vo.omexp(name.args[0])
    if isinstance(name, vo.log1p):
        return (1 + name.args[0]) ** coefficient
    if isinstance(name, vo.logcosh) and abs(coefficient) == 1:
        return sp.cosh(name.args[0]) ** coefficient
    return None


def _exp_over_expm1(expr: sp.Mul) -> sp.Expr | None:
    """exp(v) / expm1(u) is exp(v - u) / omexp(-u)."""
    for factor, rest in factors(expr, sp.exp):
        for part in sp.Mul.make_args(rest):
            base, power = part.as_base_exp()
            if isinstance(base, vo.expm1) and power == -1 and is_nonneg(base.args[0]):
                u = base.args[0]
                return sp.exp(factor.args[0] - u) / vo.omexp(-u) * (rest / part)
    return None


def _unlift(expr: sp.exp) -> sp.Expr | None:
    exponent = expr.args[0]
    return sum_of(exponent) if isinstance(exponent, Reduction) and exponent.op == "lse" else None


def _sech2(expr: sp.Pow) -> sp.Expr | None:
    if isinstance(expr.base, sp.cosh) and expr.exp == -2:
        return vo.sech2(expr.base.args[0])
    return None


RULES = (
    Rule(
        "name-sigmoid",
        BOTH,
        "overflow of exp(-u)",
        (sp.Pow,),
        _sigmoid,
        lambda: (
            1 / (1 + sp.exp(-X)),
            1 / (1 + sp.exp(X)) ** 2,
            1 / (2 + 2 * sp.exp(Z - X)),
            1 / (3 + Q * sp.exp(-X)),
            (1 + sp.exp(X)) ** (-W),
        ),
    ),
    Rule(
        "name-tanh-quotient",
        BOTH,
        "infinity over infinity",
        (sp.Mul,),
        _tanh,
        lambda: (
            (sp.exp(X) - sp.exp(-X)) / (sp.exp(X) + sp.exp(-X)),
            T * (sp.exp(X) - sp.exp(Z)) / (sp.exp(X) + sp.exp(Z)),
        ),
    ),
    Rule(
        "exp-of-logarithm",
        BOTH,
        "a logarithm and an exponential that undo each other",
        (sp.exp,),
        _exp_of_name,
        lambda: (
            sp.exp(-vo.softplus(X)),
            sp.exp(-2 * vo.softplus(-X)),
            sp.exp(vo.log1mexp(-Q)),
            sp.exp(3 * vo.log1p(Q)),
            sp.exp(-vo.logcosh(X)),
        ),
    ),
    Rule(
        "exp-over-expm1",
        BOTH,
        "infinity over infinity",
        (sp.Mul,),
        _exp_over_expm1,
        lambda: (sp.exp(Q) / vo.expm1(Q), T * sp.exp(X + sp.exp(X)) / vo.expm1(sp.exp(X))),
    ),
    Rule(
        "unlift",
        BOTH,
        "a log-sum-exp nobody takes the logarithm of",
        (sp.exp,),
        _unlift,
        lambda: (sp.exp(Reduction("lse", V[I], I)),),
    ),
    Rule(
        "name-sech2",
        BOTH,
        "overflow of cosh(u)**2",
        (sp.Pow,),
        _sech2,
        lambda: (1 / sp.cosh(X) ** 2,),
    ),
)
