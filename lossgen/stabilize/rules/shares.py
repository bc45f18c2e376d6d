"""Rules about log-sum-exp: entries of a softmax stay together with their normaliser."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Reduction
from lossgen.stabilize.facts import is_nonneg
from lossgen.stabilize.logview import as_lse, grows, log_view
from lossgen.stabilize.rule import I, J, K, M, Q, Rule, T, U, V, W, X, Z
from lossgen.stabilize.terms import exp_term, instances, linear_part, open_body, take, terms_with

BOTH = ("lift", "clean")


def _share(expr: sp.Add) -> sp.Expr | None:
    """c*a - c*lse(g) is c*logshare(a, lse(g)) where a is a term of g."""
    for lse, slope in terms_with(expr, Reduction):
        if lse.op != "lse":
            continue
        for position in instances(lse, expr):
            entry = lse.at(position)
            rest = take(expr, slope * lse - slope * entry)
            if rest is not None:
                return rest - slope * vo.logshare(entry, lse)
    return None


def _share_undone(expr: sp.Add) -> sp.Expr | None:
    """c*logshare(a, L) + c*L is c*a."""
    for share, slope in terms_with(expr, vo.logshare):
        entry, lse = share.args
        rest = take(expr, slope * share + slope * lse)
        if rest is not None:
            return rest + slope * entry
    return None


def _sum_of_shares(expr: Reduction) -> sp.Expr | None:
    """The entries of a softmax add up to 1."""
    if expr.op != "sum" or not isinstance(expr.body, sp.exp):
        return None
    index, body = open_body(expr)
    share = body.args[0]
    if not isinstance(share, vo.logshare) or not isinstance(share.args[1], Reduction):
        return None
    entry, lse = share.args
    alike = lse.index.axis == index.axis and index not in lse.free_symbols and lse.at(index) == entry
    return sp.S.One if alike else None


def _entropy_of_shares(expr: sp.Add) -> sp.Expr | None:
    """c*lse(g) - c*Sum(exp(s)*g) is -c*Sum(exp(s)*s) for the logarithms s of the shares of g."""
    for lse, slope in terms_with(expr, Reduction):
        if lse.op != "lse":
            continue
        for mean, factor in terms_with(expr, Reduction):
            index, body = open_body(mean)
            entry = lse.at(index) if lse.index.axis == index.axis else sp.S.Zero
            share = sp.exp(vo.logshare(entry, lse))
            if mean.op != "sum" or index not in entry.free_symbols or index in lse.free_symbols:
                continue
            if share in body.args and sp.expand(factor * body / share + slope * entry) == 0:
                entropy = Reduction("sum", share * vo.logshare(entry, lse), index)
                return expr - slope * lse - factor * mean - slope * entropy
    return None


def _log_quotient(expr: sp.Add) -> sp.Expr | None:
    """c*a - c*logaddexp(a, b) is -c*softplus(b - a)."""
    for name, slope in terms_with(expr, vo.logaddexp):
        for first, second in (name.args, name.args[::-1]):
            rest = take(expr, slope * name - slope * first)
            if rest is not None:
                return rest + slope * vo.softplus(second - first)
    return None


def _log_quotients(expr: sp.Add) -> sp.Expr | None:
    """(c + d)*logaddexp(a, b) - c*a - d*b is c*softplus(b - a) + d*softplus(a - b)."""
    for name, slope in terms_with(expr, vo.logaddexp):
        first, second = name.args
        c, others = linear_part(expr - slope * name, first)
        d, rest = linear_part(others, second)
        if sp.expand(slope + c + d) == 0 and is_nonneg(-c) and is_nonneg(-d):
            return rest - c * vo.softplus(second - first) - d * vo.softplus(first - second)
    return None


def _quotient(expr: sp.Mul) -> sp.Expr | None:
    """exp(a) / (a sum of exponentials) goes to the log domain as a whole."""
    coefficient, exponent = exp_term(expr)
    if exponent.is_zero:
        return None
    views: list[sp.Expr] = []
    rest: list[sp.Expr] = []
    for part in sp.Mul.make_args(coefficient):
        view = log_view(part) if _divides(part) else None
        (rest if view is None else views).append(part if view is None else view)
    return sp.exp(sp.Add(exponent, *views)) * sp.Mul(*rest) if views else None


def _divides(part: sp.Expr) -> bool:
    base, exponent = part.as_base_exp()
    return exponent.could_extract_minus_sign() and isinstance(base, sp.Add | Reduction) and grows(base)


def _normalise_inside(expr: sp.Mul) -> sp.Expr | None:
    """Sum(f*exp(a)) / Sum(exp(g)) normalises every term: the sums may overflow although their quotient does
    not.
    """
    for below in expr.args:
        if not (isinstance(below, sp.Pow) and below.exp == -1 and isinstance(below.base, Reduction)):
            continue
        lse = as_lse(below.base)
        if not isinstance(lse, Reduction):
            continue
        for above in expr.args:
            if isinstance(above, Reduction) and above.op == "sum" and above.has(sp.exp):
                index, body = open_body(above)
                shared = _normalised_terms(body, lse)
                if shared is not None:
                    return expr / above / below * Reduction("sum", shared, index)
    return None


def _normalised_terms(body: sp.Expr, lse: Reduction) -> sp.Expr | None:
    terms = []
    for term in sp.Add.make_args(body):
        coefficient, exponent = exp_term(term)
        share = _share(exponent - lse)
        if share is None:
            return None
        terms.append(coefficient * sp.exp(share))
    return sp.Add(*terms)


def _lse() -> Reduction:
    return Reduction("lse", V[I], I)


def _sum() -> sp.Expr:
    return Reduction("sum", sp.exp(V[I]), I)


RULES = (
    Rule(
        "softmax-entry",
        BOTH,
        "digits lost where the entry is close to the log-sum-exp",
        (sp.Add,),
        _share,
        lambda: (
            V[K] - _lse(),
            T * _lse() - T * V[K] + X,
            2 * _lse() - 2 * V[K],
            V[K] + sp.log(M[K]) - Reduction("lse", V[I] + sp.log(M[I]), I),
            V[K] * U[K] - Reduction("lse", V[K] * U[I], I),
        ),
    ),
    Rule(
        "softmax-entry-undone",
        BOTH,
        "a difference and a sum that undo each other",
        (sp.Add,),
        _share_undone,
        lambda: (vo.logshare(V[K], _lse()) + _lse(), X - W * vo.logshare(V[K], _lse()) - W * _lse()),
    ),
    Rule(
        "sum-of-shares",
        BOTH,
        "a loop, and roundings that survive in differences from 1",
        (Reduction,),
        _sum_of_shares,
        lambda: (Reduction("sum", sp.exp(vo.logshare(V[J], _lse())), J),),
    ),
    Rule(
        "entropy-of-shares",
        BOTH,
        "a mean that is nearly the log-sum-exp: what is added up instead has one sign",
        (sp.Add,),
        _entropy_of_shares,
        lambda: (
            T * _lse() - T * Reduction("sum", V[J] * sp.exp(vo.logshare(V[J], _lse())), J) + X,
            Reduction("lse", V[I] / Q, I)
            - Reduction("sum", V[J] * sp.exp(vo.logshare(V[J] / Q, Reduction("lse", V[I] / Q, I))), J) / Q,
        ),
    ),
    Rule(
        "entry-of-two",
        BOTH,
        "digits lost where the entry is close to the logaddexp",
        (sp.Add,),
        _log_quotient,
        lambda: (X - vo.logaddexp(X, Z), T * vo.logaddexp(X, Z) - T * Z + Q),
    ),
    Rule(
        "entries-of-two",
        BOTH,
        "digits lost where the entries are close to the logaddexp",
        (sp.Add,),
        _log_quotients,
        lambda: (
            (Q + W) * vo.logaddexp(sp.log(Q), X) - Q * sp.log(Q) - W * X + T,
            vo.logaddexp(X, Z) - T * X - (1 - T) * Z,
        ),
    ),
    Rule(
        "quotient-of-exponentials",
        BOTH,
        "infinity over infinity",
        (sp.Mul,),
        _quotient,
        lambda: (
            sp.exp(V[K]) / _sum(),
            T * sp.exp(V[K]) ** W / _sum() ** W,
            sp.exp(X) / (sp.exp(X) + sp.exp(Z)),
            sp.exp(V[K]) / (Q + _sum()),
        ),
    ),
    Rule(
        "normalise-inside",
        BOTH,
        "infinity over infinity",
        (sp.Mul,),
        _normalise_inside,
        lambda: (X * Reduction("sum", U[J] * sp.exp(V[J]), J) / _sum(),),
    ),
)
