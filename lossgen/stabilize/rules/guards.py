"""Rules that run last: a factor 0 switches its product off, even where the other factor is infinite.

Logits of plus or minus infinity, labels and weights of 0 are ordinary input: 0 * softplus(inf) is 0 in every loss that has it.
"""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Delta, Reduction
from lossgen.algebra.tensors import Element, tensors
from lossgen.stabilize.facts import is_nonneg, is_positive
from lossgen.stabilize.rule import I, K, M, Q, Rule, T, V, W, X, Z

GUARD = ("guard",)

# Factors that belong to the call, not to the formula; a zero weight is dealt with by masks.
_OUTER_ROLES = frozenset({"weight", "scale", "cotangent", "tangent"})
_LOG_LIKE = (sp.log, vo.log1p, vo.softplus, vo.logshare, vo.log1mexp, vo.logaddexp)


def may_vanish(factor: sp.Expr) -> bool:
    """Whether a nonnegative factor can be exactly 0 in floating point."""
    if any(tensor.role in _OUTER_ROLES for tensor in tensors(factor)) or factor.has(Delta):
        return False
    if isinstance(factor, sp.exp):
        return bool(factor.atoms(Element))
    return is_nonneg(factor) and not is_positive(factor) and not isinstance(factor, Reduction)


def may_be_infinite(factor: sp.Expr) -> bool:
    """Whether a factor is infinite for infinite logits or vanishing probabilities."""
    if isinstance(factor, _LOG_LIKE):
        return True
    if isinstance(factor, Element):
        return factor.tensor.role in ("pred", "local") and factor.tensor.dtype == "float"
    if isinstance(factor, sp.Add):
        return any(may_be_infinite(part) for term in factor.args for part in sp.Mul.make_args(term))
    if isinstance(factor, Reduction):
        return factor.op == "lse" or (
            factor.op == "sum" and any(map(may_be_infinite, sp.Mul.make_args(factor.body)))
        )
    return isinstance(factor, vo.gated) and may_be_infinite(factor.args[1])


def _gate(expr: sp.Mul) -> sp.Expr | None:
    infinite, gates, rest = [], [], []
    for part in expr.args:
        if may_vanish(part):
            gates.append(part)
        elif not part.is_number and may_vanish(-part):
            gates.append(-part)
            rest.append(sp.S.NegativeOne)
        else:
            (infinite if may_be_infinite(part) else rest).append(part)
    if not infinite or not gates:
        return None
    return sp.Mul(*rest) * _product(sp.Mul(*gates), sp.Mul(*infinite))


def _product(gate: sp.Expr, value: sp.Expr) -> sp.Expr:
    if isinstance(value, sp.log):
        return vo.xlogy(gate, value.args[0])
    if isinstance(value, vo.log1p):
        return vo.xlog1py(gate, value.args[0])
    return vo.gated(gate, value)


RULES = (
    Rule(
        "gate",
        GUARD,
        "0 * infinity = NaN",
        (sp.Mul,),
        _gate,
        lambda: (
            T * vo.softplus(-X),
            -(1 - T) * Q * vo.softplus(X),
            T * sp.log(T),
            (1 - T) * vo.log1p(-T),
            T * (sp.log(T) - X),
            sp.exp(X) * (X - Z),
            W * vo.logshare(V[K], Reduction("lse", V[I], I)),
            W * X,
            W * Reduction("sum", M[I] * V[I], I),
        ),
    ),
)
