"""Rules for far away arguments: infinity minus infinity, quotients that overflow before their logarithm."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.tensors import elements
from lossgen.stabilize.facts import is_positive
from lossgen.stabilize.rule import P, Q, Rule, T, W, X, Z

_EXPONENTIAL = (sp.exp, vo.expm1, vo.expm1mx)


def _log_ratio(expr: sp.log) -> sp.Expr | None:
    """log(a/b) is logratio(a, b)."""
    above, below = sp.fraction(expr.args[0])
    if below.is_number or above.is_number or not (is_positive(above) and is_positive(below)):
        return None
    return vo.logratio(above, below)


def _times_log_ratio(expr: sp.Expr) -> sp.Expr | None:
    """xlogy(a, b/c) is a*logratio(b, c), and 0 where a is."""
    factor, ratio = expr.args
    above, below = sp.fraction(ratio)
    known = above == factor or is_positive(above)
    if below.is_number or above.is_number or not (known and is_positive(below)):
        return None
    return vo.gated(factor, vo.logratio(above, below))


def _outgrown(expr: sp.Add) -> sp.Expr | None:
    """Put what grows exponentially apart from products that may overflow too."""
    growing = [term for term in expr.args if _grows(term)]
    rest = [term for term in expr.args if term not in growing]
    if len(growing) != 1 or not any(map(_overflows, rest)) or any(term.has(*_EXPONENTIAL) for term in rest):
        return None
    return vo.outgrown(growing[0], sp.Add(*rest))


def _grows(term: sp.Expr) -> bool:
    return any(isinstance(part, _EXPONENTIAL) and elements(part) for part in sp.Mul.make_args(term))


def _overflows(term: sp.Expr) -> bool:
    """Whether a term is a product of inputs, which may be larger than any of them."""
    parts = sp.Mul.make_args(term)
    if any(isinstance(part, vo.gated) for part in parts):
        return True
    return sum(len(elements(part)) > 0 for part in parts) > 1


RULES = (
    Rule(
        "log-of-ratio",
        ("guard",),
        "a quotient that overflows or vanishes before its logarithm is taken",
        (sp.log,),
        _log_ratio,
        lambda: (sp.log(P / Q), sp.log(2 * P / (P + Q))),
    ),
    Rule(
        "xlogy-of-ratio",
        ("guard",),
        "a quotient that overflows or vanishes before its logarithm is taken",
        (vo.xlogy,),
        _times_log_ratio,
        lambda: (vo.xlogy(P, P / Q), vo.xlogy(T, T / Q)),
    ),
    Rule(
        "outgrown",
        ("value",),
        "infinity minus infinity",
        (sp.Add,),
        _outgrown,
        lambda: (sp.exp(X) - W * X, sp.exp(X) - vo.gated(W, X), W * vo.expm1(X) / Q - T * Z + X),
    ),
)
