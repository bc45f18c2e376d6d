"""The logarithm of an expression whose value may overflow or vanish although its logarithm does not."""

from __future__ import annotations

from functools import reduce

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Reduction, Where
from lossgen.stabilize.facts import bounds, is_nonneg, is_nonpos, is_positive
from lossgen.stabilize.terms import exp_term, open_body


def log_view(expr: sp.Expr) -> sp.Expr | None:
    """Return g with ``expr == exp(g)`` if `expr` is made of exponentials; None where a plain logarithm is as
    good.
    """
    if isinstance(expr, sp.exp):
        return expr.args[0]
    if isinstance(expr, vo.sigmoid):
        return -vo.softplus(-expr.args[0])
    if isinstance(expr, vo.omexp):
        return vo.log1mexp(expr.args[0])
    if isinstance(expr, vo.expm1) and is_nonneg(expr.args[0]):
        return expr.args[0] + vo.log1mexp(-expr.args[0])
    if isinstance(expr, sp.erfc | vo.tail):
        return vo.logerfc(expr.args[0])
    if isinstance(expr, vo.softplus):
        return vo.logsoftplus(expr.args[0])
    if isinstance(expr, Where):
        return _branches(expr)
    if isinstance(expr, sp.Pow):
        base = log_view(expr.base) if expr.exp.is_extended_real else None
        return None if base is None else expr.exp * base
    if isinstance(expr, sp.Mul | vo.gated):
        return _product(expr)
    if isinstance(expr, sp.Add):
        return _sum(expr)
    if isinstance(expr, Reduction) and expr.op == "sum":
        index, body = open_body(expr)
        view = log_view(body)
        return None if view is None else Reduction("lse", view, index)
    return None


def log_of(expr: sp.Expr) -> sp.Expr:
    """Return the logarithm of a nonnegative expression, minus infinity for 0."""
    if expr.is_zero:
        return sp.S.NegativeInfinity
    view = log_view(expr)
    if view is None and isinstance(expr, Where):
        view = Where(expr.args[0], log_of(expr.args[1]), log_of(expr.args[2]))
    return sp.log(expr) if view is None else view


def log_sum(exponents: list[sp.Expr]) -> sp.Expr:
    """Return log(sum of exp(g)) over `exponents`, in the shortest function of the vocabulary."""
    if len(exponents) == 1:
        return exponents[0]
    if len(exponents) == 2 and exponents[0] == -exponents[1]:
        positive = next((g for g in exponents if not g.could_extract_minus_sign()), exponents[0])
        return vo.logcosh(positive) + sp.log(2)
    rest = [g for g in exponents if not g.is_zero]
    if len(rest) == len(exponents) - 1:
        return vo.softplus(log_sum(rest))
    return reduce(vo.logaddexp, exponents)


def grows(expr: sp.Expr) -> bool:
    """Whether exponentials in `expr` may overflow."""
    return any(bounds(node.args[0])[1] is sp.oo for node in expr.atoms(sp.exp))


def _branches(expr: Where) -> sp.Expr | None:
    views = [sp.S.NegativeInfinity if branch.is_zero else log_view(branch) for branch in expr.args[1:]]
    if views[0] is None and views[1] is None:
        return None
    # One branch of exponentials is enough: the other keeps its plain logarithm.
    if not all(
        view is not None or is_nonneg(branch) for view, branch in zip(views, expr.args[1:], strict=True)
    ):
        return None
    logs = [sp.log(b) if v is None else v for v, b in zip(views, expr.args[1:], strict=True)]
    return Where(expr.args[0], *logs)


def _viewed(expr: sp.Expr) -> tuple[list[sp.Expr], list[sp.Expr]]:
    """Return the log views of those factors or terms that have one, and the others as they are."""
    views: list[sp.Expr] = []
    others: list[sp.Expr] = []
    for arg in expr.args:
        view = log_view(arg)
        (others if view is None else views).append(arg if view is None else view)
    return views, others


def _product(expr: sp.Expr) -> sp.Expr | None:
    views, rest = _viewed(expr)
    # A factor of the same size may go against a power of any size.
    powers = [part for part in rest if isinstance(part, sp.Pow) and is_nonneg(part.base) and _has_open(part)]
    views += [part.exp * sp.log(part.base) for part in powers]
    remaining = sp.Mul(*(part for part in rest if part not in powers))
    tail = next((view for view in views if isinstance(view, vo.logerfc)), None)
    if tail is not None and remaining.as_coeff_Mul()[0] == sp.S.Half:
        # A probability: its logarithm vanishes where it is nearly 1.
        views[views.index(tail)] = vo.loghalferfc(*tail.args)
        remaining *= 2
    if not views or not is_nonneg(remaining):
        return None
    return sp.Add(*views, log_of(remaining))


def _has_open(expr: sp.Expr) -> bool:
    return any(not power.exp.is_number for power in expr.atoms(sp.Pow))


def _sum(expr: sp.Add) -> sp.Expr | None:
    plain = sp.expand_mul(expr.replace(vo.omexp, lambda a: 1 - sp.exp(a)))
    split = [exp_term(term) for term in sp.Add.make_args(plain)]
    if len(split) == 2 and any(_is_complement(*split[k], *split[1 - k]) for k in (0, 1)):
        (c, a), (_, b) = split if _is_complement(*split[0], *split[1]) else split[::-1]
        return vo.log1mexp(sp.expand(b - a)) + a + log_of(c)
    split = [exp_term(term) for term in expr.args]
    coefficients = {coefficient for coefficient, _ in split}
    if len(coefficients) == 1 and is_positive(split[0][0]) and any(not a.is_zero for _, a in split):
        return log_sum([exponent for _, exponent in split]) + log_of(split[0][0])
    return _mixed_sum(expr)


def _is_complement(c: sp.Expr, a: sp.Expr, d: sp.Expr, b: sp.Expr) -> bool:
    """Whether c*exp(a) + d*exp(b) is c*(exp(a) - exp(b)) with b <= a."""
    return c == -d and is_positive(c) and is_nonpos(sp.expand(b - a))


def _mixed_sum(expr: sp.Add) -> sp.Expr | None:
    views, plain = _viewed(expr)
    constant = sp.Add(*plain)
    if not views or not is_nonneg(constant):
        return None
    # Beside a constant only overflow does harm, and 1 + sigmoid(u), say, stays what it is.
    if plain and not any(grows(term) for term in expr.args):
        return None
    return log_sum([*([log_of(constant)] if plain else []), *views])


def as_lse(reduction: Reduction) -> sp.Expr | None:
    """Return the log-sum-exp of a sum of exponentials, None for any other sum."""
    return log_view(reduction) if reduction.op == "sum" and grows(reduction) else None


def sum_of(lse: Reduction) -> sp.Expr:
    """Return the sum whose logarithm `lse` is."""
    index, body = open_body(lse)
    return Reduction("sum", sp.exp(body), index)
