"""Rules on ratios: logarithms of those near 1, and powers that overflow beside a 1."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Reduction, Where
from lossgen.stabilize.facts import is_nonneg, is_positive
from lossgen.stabilize.rule import P, Q, Rule, S, T, W, X
from lossgen.stabilize.terms import count, factors, is_polynomial

# Of more terms the difference is rarely simpler.
_MOST_TERMS = 30


def _log_of_close(expr: sp.Expr) -> sp.Expr | None:
    """log(a/b) is log1p((a - b)/b) near 1, where terms of a meet their opposites in a - b."""
    a, b = expr.args if isinstance(expr, vo.logratio) else sp.fraction(expr.args[0])
    if b == 1 or not (is_nonneg(a) and is_nonneg(b)) or (a / b).has(sp.Function, Reduction, Where, Index):
        return None
    if not (isinstance(a, sp.Add) or isinstance(b, sp.Add)) or not (is_polynomial(a) and is_polynomial(b)):
        return None
    first, second = sp.expand(a), sp.expand(b)
    gap, terms = first - second, count(first) + count(second)
    if terms > _MOST_TERMS or count(gap) > terms - 2:
        return None
    size = -gap if gap.could_extract_minus_sign() else gap
    sign = 1 if size == gap else -1
    return Where(sp.Lt(2 * sp.Abs(size), b), vo.log1p(sp.Mul(sign, size, 1 / b)), expr)


def _log1p_of_power(expr: sp.Expr) -> sp.Expr | None:
    """log1p(a**e) is e*log(a) + log1p(a**-e), which does not overflow for a > 1."""
    base, e = expr.args[0].as_base_exp()
    if (
        e == 1
        or expr.has(Index)
        or expr.args[0].is_number
        or isinstance(expr.args[0], sp.exp)
        or not is_nonneg(e)
    ):
        return None
    if not is_nonneg(base):
        if not (e.is_Integer and e.is_even and base.is_extended_real):
            return None
        base = sp.Abs(base)
    return Where(sp.Lt(base, 1), expr, e * sp.log(base) + vo.log1p(base**-e))


def _power_over_power(expr: sp.Mul) -> sp.Expr | None:
    """a**(e + n)/(1 + a**e) is a**n/(1 + a**-e), which does not overflow for a > 1."""
    for below in () if expr.has(Index) else expr.args:
        inner, order = below.as_base_exp()
        constant, power = inner.as_coeff_Add()
        if constant != 1 or order != -1 or not isinstance(power, sp.Pow):
            continue
        a, e = power.as_base_exp()
        if not (is_nonneg(a) and is_nonneg(e)) or isinstance(power, sp.exp):
            continue
        for above in expr.args:
            base, exponent = above.as_base_exp()
            n = sp.expand(exponent - e)
            if base == a and n.is_Integer:
                large = expr / (above * below) * a**n / (1 + a**-e)
                return Where(sp.Lt(a, 1), expr, large)
    return None


def _power_beside_its_factor(expr: sp.Add) -> sp.Expr | None:
    """Write c - c*a**e as -c*expm1(e*log(a)) near a = 1, whatever factors the power shares with c."""
    for term in expr.args:
        for power, cofactor in factors(term, sp.Pow):
            if power.exp.is_number or not is_positive(power.base):
                continue
            a, (n, e) = power.base, power.exp.as_coeff_Add()
            other = -cofactor * a**n
            if n.is_Integer and other in expr.args and e != 0:
                gap = e * sp.log(a)
                near = Where(sp.Lt(sp.Abs(gap), 1), -other * vo.expm1(gap), other + term)
                return expr - other - term + near
    return None


RULES = (
    Rule(
        "log-of-close-ratio",
        ("clean",),
        "a ratio near 1, of which only the difference from 1 counts",
        (sp.log, vo.logratio),
        _log_of_close,
        lambda: (
            vo.logratio(P + 1, Q + 1),
            sp.log((Q + S * T) / ((1 - S) * (Q + T) + (Q + 1) * S)),
            vo.logratio(Q + 2 * S * T, Q + S + T),
        ),
    ),
    Rule(
        "log1p-of-power",
        ("clean",),
        "overflow of the power",
        (vo.log1p,),
        _log1p_of_power,
        lambda: (vo.log1p((P / Q) ** W), vo.log1p(X**4), vo.log1p(sp.Abs(X) ** sp.Rational(3, 2))),
    ),
    Rule(
        "power-over-power",
        ("clean",),
        "overflow of both powers",
        (sp.Mul,),
        _power_over_power,
        lambda: (P**W / (1 + P**W), Q * P ** (W - 1) / (1 + P**W), (P / Q) ** W / ((P / Q) ** W + 1)),
    ),
    Rule(
        "power-beside-its-factor",
        ("clean",),
        "cancellation where the power is nearly 1",
        (sp.Add,),
        _power_beside_its_factor,
        lambda: (Q - Q * P**W, 1 / P - Q / P**2 * (Q / P) ** (W - 1) + T),
    ),
)
