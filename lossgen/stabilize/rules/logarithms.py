"""Rules on logarithms: move products and sums of exponentials to the log domain, name log1p and its kin."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Reduction, Where
from lossgen.stabilize.facts import is_nonneg
from lossgen.stabilize.logview import log_of, log_view
from lossgen.stabilize.rule import I, K, M, N, P, Q, Rule, T, V, W, X, Z
from lossgen.stabilize.terms import square_root

BOTH = ("lift", "clean")


def _log_domain(expr: sp.log) -> sp.Expr | None:
    return log_view(expr.args[0])


def _log_choice(expr: sp.log) -> sp.Expr | None:
    choice = expr.args[0]
    return log_of(choice) if isinstance(choice, Where) else None


def _log_cosh(expr: sp.log) -> sp.Expr | None:
    scale, rest = expr.args[0].as_coeff_Mul()
    if isinstance(rest, sp.cosh) and scale.is_positive:
        return vo.logcosh(rest.args[0]) + sp.log(scale)
    return None


def _log_power(expr: sp.log) -> sp.Expr | None:
    power = expr.args[0]
    if not isinstance(power, sp.Pow) or not power.exp.is_extended_real:
        return None
    if is_nonneg(power.base):
        return power.exp * sp.log(power.base)
    if power.exp.is_Integer and power.exp.is_even and power.base.is_extended_real:
        return power.exp * sp.log(sp.Abs(power.base))
    return None


def _log_one_plus_square(expr: sp.log) -> sp.Expr | None:
    rest = expr.args[0] - 1
    root = square_root(rest) if isinstance(expr.args[0], sp.Add) and not isinstance(rest, sp.Add) else None
    return None if root is None else vo.log1psq(root)


def _log_one_plus(expr: sp.log) -> sp.Expr | None:
    constant, rest = expr.args[0].as_coeff_Add()
    return vo.log1p(rest) if constant == 1 and rest != 0 else None


def _log1p_of_square(expr: sp.Expr) -> sp.Expr | None:
    root = square_root(expr.args[0])
    return None if root is None else vo.log1psq(root)


def _log1p_of_exp(expr: sp.Expr) -> sp.Expr | None:
    return vo.softplus(expr.args[0].args[0]) if isinstance(expr.args[0], sp.exp) else None


def _softmax_entry() -> sp.Expr:
    return sp.exp(V[K]) / Reduction("sum", sp.exp(V[I]), I)


RULES = (
    Rule(
        "log-of-exponentials",
        BOTH,
        "log of what overflowed or vanished",
        (sp.log,),
        _log_domain,
        lambda: (
            sp.log(_softmax_entry()),
            sp.log(Reduction("sum", M[I] * sp.exp(V[I]), I)),
            sp.log(vo.sigmoid(X)),
            sp.log(Q * sp.exp(X) * Z**2),
            sp.log(1 + sp.exp(X)),
            sp.log(sp.exp(X) + sp.exp(Z) + sp.exp(X * Z)),
            sp.log(sp.exp(X) / 2 + sp.exp(-X) / 2),
            sp.log(T * vo.sigmoid(X) + (1 - T) * vo.sigmoid(-X)),
            sp.log(vo.omexp(N) ** W),
            sp.log(P**W / (1 + P**W) ** 2),
            sp.log(vo.expm1(Q)),
            sp.log(sp.exp(X) - sp.exp(X - Q)),
            sp.log(Where(sp.Gt(X, 0), sp.exp(Z), 0) + sp.exp(X)),
            sp.log(Q + Reduction("sum", sp.exp(V[I]), I)),
        ),
    ),
    Rule(
        "log-of-choice",
        BOTH,
        "the logarithm's own rules stopping at a choice",
        (sp.log,),
        _log_choice,
        lambda: (sp.log(Where(sp.Gt(X, 0), T, 1 - T)),),
    ),
    Rule("log-cosh", BOTH, "overflow of cosh", (sp.log,), _log_cosh, lambda: (sp.log(sp.cosh(X)),)),
    Rule(
        "log-of-power",
        BOTH,
        "overflow of the power",
        (sp.log,),
        _log_power,
        lambda: (sp.log(Q**W), sp.log(X**2), sp.log(T ** sp.Rational(5, 2))),
    ),
    Rule(
        "log-one-plus-square",
        BOTH,
        "overflow of the square, and 1 + u losing u",
        (sp.log,),
        _log_one_plus_square,
        lambda: (sp.log(1 + X**2), sp.log(1 + (X - Z) ** 2 / Q**2), sp.log(1 + X**2 / Q)),
    ),
    Rule(
        "log1p", BOTH, "1 + u losing u", (sp.log,), _log_one_plus, lambda: (sp.log(1 - T), sp.log(1 + Q + W))
    ),
    Rule(
        "log1p-of-square",
        BOTH,
        "overflow of the square",
        (vo.log1p,),
        _log1p_of_square,
        lambda: (vo.log1p(X**2),),
    ),
    Rule(
        "log1p-of-exp", BOTH, "overflow of exp(u)", (vo.log1p,), _log1p_of_exp, lambda: (vo.log1p(sp.exp(X)),)
    ),
)
