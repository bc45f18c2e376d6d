"""Rules on tails: error functions near their limits, and exponentials of exponentials."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.stabilize.facts import is_positive
from lossgen.stabilize.rule import Q, Rule, W, X, Z
from lossgen.stabilize.terms import exp_term, take, terms_with

BOTH = ("lift", "clean")


def _complement(expr: sp.Add) -> sp.Expr | None:
    """Write c - c*erf(u) as c*tail(u); c + c*erf(u) and 2*c - c*erfc(u) as c*tail(-u)."""
    for node, c in terms_with(expr, sp.erf):
        for sign in (1, -1):
            rest = take(expr, c * node - sign * c)
            if rest is not None:
                return rest - sign * c * vo.tail(sign * node.args[0])
    for kind in (sp.erfc, vo.tail):
        for node, c in terms_with(expr, kind):
            rest = take(expr, c * node - 2 * c)
            if rest is not None:
                return rest - c * vo.tail(-node.args[0])
    return None


def _log1mexp_of_exp(expr: sp.Expr) -> sp.Expr | None:
    """log1mexp(-c*exp(a)) is log1mexpexp(a + log(c)) for a positive c."""
    coefficient, exponent = exp_term(-expr.args[0])
    if exponent.is_zero or not is_positive(coefficient):
        return None
    return vo.log1mexpexp(exponent + sp.log(coefficient))


def _tail_beside_square(expr: sp.Add) -> sp.Expr | None:
    """c*u**2 + c*log(erfc(u)) is -c*loginverfcx(u), also for half of erfc."""
    whole = expr.replace(vo.sqdiv, lambda a, b: a**2 / b).replace(
        lambda part: isinstance(part, sp.Pow) and part.exp == 2 and isinstance(part.base, vo.quotient),
        lambda part: (part.base.args[0] / part.base.args[1]) ** 2,
    )
    for kind, constant in ((vo.logerfc, 0), (vo.loghalferfc, sp.log(2))):
        for node, c in terms_with(whole, kind):
            rest = take(whole, c * node + c * node.args[0] ** 2)
            if rest is not None:
                return rest - c * vo.loginverfcx(*node.args) - c * constant
    return None


RULES = (
    Rule(
        "error-function-complement",
        BOTH,
        "1 - erf(u) losing what is left of 1",
        (sp.Add,),
        _complement,
        lambda: (
            1 - sp.erf(X),
            sp.Rational(1, 2) + sp.erf(X / Q) / 2,
            W * sp.erf(X) - W + Z,
            1 - sp.erfc(X) / 2,
        ),
    ),
    Rule(
        "tail-beside-square",
        BOTH,
        "a density and a tail cancelling far out",
        (sp.Add,),
        _tail_beside_square,
        lambda: (
            vo.logerfc(X) + X**2,
            vo.loghalferfc((X - Z) / Q) + vo.sqdiv(X - Z, Q**2) + W,
            vo.loghalferfc((X - Z) / Q / sp.sqrt(2)) + vo.sqdiv(vo.quotient(X - Z, Q), 2),
        ),
    ),
    Rule(
        "log1mexp-of-exp",
        BOTH,
        "exp(a) vanishing before the logarithm is taken, which is a itself there",
        (vo.log1mexp,),
        _log1mexp_of_exp,
        lambda: (vo.log1mexp(-sp.exp(X)), vo.log1mexp(-Q * sp.exp(X - Z))),
    ),
)
