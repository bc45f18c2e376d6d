"""Rules on entropies: sums of logarithms that vanish to second order where probabilities or rates agree."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.tensors import Element
from lossgen.stabilize.facts import is_nonneg, is_nonpos, is_positive
from lossgen.stabilize.rule import P, Q, Rule, S, T, W, X, Z
from lossgen.stabilize.terms import count, linear_part, take, terms_with

BOTH = ("lift", "clean")


def _relative_entropy(expr: sp.Add) -> sp.Expr | None:
    """Sum c*a*log(a/b) - c*a + c*b is that of c*entropygap(a, b)."""
    found = [(term, parts) for term in expr.args if (parts := _entropy_term(term)) is not None]
    if not found:
        return None
    rest = expr - sp.Add(*(term for term, _ in found))
    added = sp.expand(sp.Add(*(c * (a - b) for _, (c, a, b) in found)))
    left = sp.expand(rest + added)
    # Only where what is added meets its opposite.
    if added != 0 and left != 0 and count(left) >= count(sp.expand(rest)):
        return None
    return sp.Add(*(c * vo.entropygap(a, b) for _, (c, a, b) in found)) + left


def _entropy_term(term: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr] | None:
    """Write a term as c*a*log(a/b): return (c, a, b)."""
    for ratio, a, c in _logarithms(term):
        b = sp.cancel(a / ratio)
        if c.is_number and is_nonneg(a) and is_nonneg(b) and not b.has(1 / a):
            return c, a, b
    return None


def _logarithms(term: sp.Expr) -> Iterator[tuple[sp.Expr, sp.Expr, sp.Expr]]:
    """Yield the argument of a logarithm, a factor of the term above its fraction bar, and the rest."""
    parts = sp.Mul.make_args(term)
    for k, part in enumerate(parts):
        others = parts[:k] + parts[k + 1 :]
        if isinstance(part, vo.xlogy):
            yield part.args[1], part.args[0], sp.Mul(*others)
        elif isinstance(part, sp.log):
            above = sp.Mul.make_args(sp.fraction(part.args[0])[0])
            for j, factor in enumerate(others):
                if factor in above:
                    yield part.args[0], factor, sp.Mul(*others[:j], *others[j + 1 :])


def _entropy_of_sigmoid(expr: sp.Add) -> sp.Expr | None:
    """c*softplus(u) - c*u*sigmoid(u) is c*softplus(-|u|) + c*|u|*sigmoid(-|u|)."""
    for node, c in terms_with(expr, vo.softplus):
        u = node.args[0]
        rest = None if is_nonpos(u) else take(expr, c * node - c * u * vo.sigmoid(u))
        if rest is not None:
            size = sp.Abs(u)
            return rest + c * vo.softplus(-size) + c * size * vo.sigmoid(-size)
    return None


def _label_minus_sigmoid(expr: sp.Add) -> sp.Expr | None:
    """c*t - c*sigmoid(u) is c*t*sigmoid(-u) - c*(1 - t)*sigmoid(u) for a label t."""
    for label in sorted(expr.atoms(Element), key=sp.default_sort_key):
        if label.tensor.role != "target" or label.tensor.domain not in ("unit", "binary"):
            continue
        for node, c in terms_with(expr, vo.sigmoid):
            rest = take(expr, c * node - c * label)
            if rest is not None:
                return rest + c * (1 - label) * node - c * label * vo.sigmoid(-node.args[0])
    return None


def _logarithm_of_sum(expr: sp.Add) -> sp.Expr | None:
    """(c + d)*log(a + b) - c*log(a) - d*log(b) is c*log1p(b/a) + d*log1p(a/b)."""
    for node, slope in terms_with(expr, sp.log):
        total = node.args[0]
        if not isinstance(total, sp.Add) or len(total.args) != 2 or not all(map(is_positive, total.args)):
            continue
        a, b = total.args
        c, others = linear_part(expr - slope * node, sp.log(a))
        d, rest = linear_part(others, sp.log(b))
        if sp.expand(slope + c + d) == 0 and is_nonneg(-c) and is_nonneg(-d):
            return rest - c * vo.log1p(b / a) - d * vo.log1p(a / b)
    return None


RULES = (
    Rule(
        "relative-entropy",
        ("lift",),
        "cancellation to second order where the arguments agree",
        (sp.Add,),
        _relative_entropy,
        lambda: (
            P * sp.log(P / Q) - P + Q,
            2 * vo.xlogy(T, T / S) + 2 * vo.xlogy(1 - T, (1 - T) / (1 - S)) + X,
            P * sp.log(2 * P / (P + Q)) / 2 + Q * sp.log(2 * Q / (P + Q)) / 2,
        ),
    ),
    Rule(
        "logarithm-of-sum",
        ("lift",),
        "digits lost where one of two summands is small, or both logarithms are large",
        (sp.Add,),
        _logarithm_of_sum,
        lambda: (
            (W + Q) * sp.log(P + Q) - W * sp.log(P) - Q * sp.log(Q) + X,
            sp.log(P + Q) - T * sp.log(P) - (1 - T) * sp.log(Q),
        ),
    ),
    Rule(
        "entropy-of-sigmoid",
        BOTH,
        "cancellation at large u",
        (sp.Add,),
        _entropy_of_sigmoid,
        lambda: (
            vo.softplus(X) - X * vo.sigmoid(X),
            W * vo.softplus((X - Z) / Q) - W * (X - Z) / Q * vo.sigmoid((X - Z) / Q) + T,
        ),
    ),
    Rule(
        "label-minus-sigmoid",
        BOTH,
        "1 - p losing a small 1 - p where the label is 1",
        (sp.Add,),
        _label_minus_sigmoid,
        lambda: (T - vo.sigmoid(X), Z + W * vo.sigmoid(X - Z) - W * T),
    ),
)
