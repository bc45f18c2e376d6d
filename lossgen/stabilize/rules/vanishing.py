"""Rules on powers of what may vanish: below the normal numbers only logarithms know it."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Where
from lossgen.stabilize.logview import log_view
from lossgen.stabilize.rule import Q, Rule, T, W, X
from lossgen.stabilize.rules.guards import may_vanish
from lossgen.stabilize.terms import factors


def _vanishing_base(expr: sp.Mul) -> sp.Expr | None:
    """b**(g - 1) * (A*b + B*s) is b**g * (A + B * (s / b)), with b and s as their logarithms where b is
    below the normal numbers.
    """
    for power, rest in factors(expr, sp.Pow):
        offset, exponent = power.exp.as_coeff_Add()
        if offset != -1 or exponent.is_zero or not may_vanish(power.base):
            continue
        log = log_view(power.base)
        for total, others in factors(rest, sp.Add):
            quotient = None if log is None else _over(total, power.base, log)
            if quotient is not None:
                return Where(
                    sp.Gt(vo.normal(power.base), 0),
                    vo.powered(others * total, power.base, exponent, -1),
                    vo.timesexp(others * quotient, exponent * log),
                )
    return None


def _over(total: sp.Add, base: sp.Expr, log: sp.Expr) -> sp.Expr | None:
    """Return a sum divided by `base`, which is a factor of one term at least."""
    terms, divided = [], False
    for term in total.args:
        parts = sp.Mul.make_args(term)
        if base in parts:
            divided = True
            terms.append(term / base)
            continue
        views = [(part, view) for part in parts if (view := log_view(part)) is not None]
        if not views:
            return None
        part, view = views[0]
        terms.append(term / part * sp.exp(view - log))
    return sp.Add(*terms) if divided else None


def _base() -> sp.Expr:
    return T * vo.sigmoid(-X) + (1 - T) * vo.sigmoid(X)


RULES = (
    Rule(
        "vanishing-base",
        ("clean",),
        "0 where a power of what underflowed is a normal number",
        (sp.Mul,),
        _vanishing_base,
        lambda: (
            (X * _base() - W * vo.softplus(X)) * _base() ** (Q - 1),
            X * (vo.sigmoid(X) + W * vo.sigmoid(X) * vo.softplus(X)) * vo.sigmoid(X) ** (W - 1) * T,
        ),
    ),
)
