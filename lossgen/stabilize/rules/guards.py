"""Rules that run last: a factor 0 switches its product off, even where the other factor is infinite.

Logits of plus or minus infinity, labels and weights of 0 are ordinary input: 0 * softplus(inf) is 0 in
every loss that has it.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Delta, Reduction, Where
from lossgen.algebra.tensors import Element, tensors
from lossgen.stabilize.facts import UNIT, bounds, is_nonneg, is_positive
from lossgen.stabilize.rule import I, K, M, Q, Rule, T, V, W, X, Z

GUARD = ("guard",)

# Factors that belong to the call, not to the formula; a zero weight is dealt with by masks.
_OUTER_ROLES = frozenset({"weight", "scale", "cotangent", "tangent"})
_LOG_LIKE = (sp.log, vo.log1p, vo.logratio, vo.softplus, vo.logshare, vo.log1mexp, vo.logaddexp, vo.logerfc,
             vo.loghalferfc, vo.log1mexpexp)  # fmt: skip
_SMALL = (sp.exp, vo.sigmoid, vo.omexp)

# Name prefix of the local tensors that hold logarithms.
LOG_PREFIX = "log_"


def is_switch(factor: sp.Expr) -> bool:
    """Whether a nonnegative factor may be exactly 0 and then means that its product is absent."""
    if any(tensor.role in _OUTER_ROLES for tensor in tensors(factor)) or factor.has(Delta):
        return False
    if isinstance(factor, sp.Pow):
        return is_positive(factor.exp) and is_switch(factor.base)
    if isinstance(factor, sp.exp | vo.sigmoid):
        return bool(factor.atoms(Element))
    polynomial = not factor.has(sp.Function, Reduction, Where) and all(
        power.exp.is_Integer for power in factor.atoms(sp.Pow)
    )
    return polynomial and is_nonneg(factor) and not is_positive(factor)


def may_be_infinite(factor: sp.Expr) -> bool:
    """Whether a factor is infinite for infinite logits or vanishing probabilities."""
    if isinstance(factor, _LOG_LIKE):
        return True
    if isinstance(factor, Element):
        # Inputs, and what is kept as its logarithm, may be infinite; other intermediate values are not
        # expected to be.
        return factor.tensor.role == "pred" or factor.tensor.name.startswith(LOG_PREFIX)
    if isinstance(factor, sp.Add):
        return any(may_be_infinite(part) for term in factor.args for part in sp.Mul.make_args(term))
    if isinstance(factor, Reduction):
        return factor.op == "lse" or (
            factor.op == "sum" and any(map(may_be_infinite, sp.Mul.make_args(factor.body)))
        )
    if isinstance(factor, sp.Pow):
        return not is_nonneg(factor.exp) and not factor.exp.is_number and may_vanish(factor.base)
    if isinstance(factor, vo.gap):
        return any(map(may_be_infinite, factor.args))
    return isinstance(factor, vo.gated) and may_be_infinite(factor.args[1])


def _overflows(factor: sp.Expr) -> bool:
    """Whether a factor is a square, which overflows where an exponential beside it is 0."""
    if isinstance(factor, sp.Pow):
        return bool(factor.exp.is_Integer and factor.exp.is_even and factor.exp.is_positive)
    return isinstance(factor, vo.sqdiv)


def may_vanish(base: sp.Expr) -> bool:
    """Whether a positive base is 0 in floating point where its exponentials are."""
    if any(is_positive(term) and not term.has(*_SMALL) for term in sp.Add.make_args(base)):
        return False
    return bool(base.has(*_SMALL))


def _gate(expr: sp.Mul) -> sp.Expr | None:
    infinite = list(_growing(expr))
    gates: list[sp.Expr] = []
    rest: list[sp.Expr] = []
    for part in expr.args:
        if part in infinite:
            continue
        if is_switch(part):
            gates.append(part)
        elif not part.is_number and is_switch(-part):
            gates.append(-part)
            rest.append(sp.S.NegativeOne)
        else:
            (infinite if may_be_infinite(part) else rest).append(part)
    if any(isinstance(gate, sp.exp) for gate in gates):
        infinite += (squares := [part for part in rest if _overflows(part)])
        rest = [part for part in rest if part not in squares]
    if not gates and len(infinite) > 1 and any(isinstance(part, sp.Pow) for part in infinite):
        gates = [part for part in infinite if not isinstance(part, sp.Pow)]
        infinite = [part for part in infinite if isinstance(part, sp.Pow)]
    if not infinite or not gates:
        return None
    # One after the other, because two infinite factors may also be 0 and infinite. A power meets what
    # vanishes with its base first: their product neither overflows nor vanishes before the whole does.
    vanishing = any(gate.has(*_SMALL) for gate in gates)
    product = sp.Mul(*gates)
    for factor in sorted(infinite, key=lambda part: isinstance(part, sp.Pow) != vanishing):
        product = _product(product, factor)
    return sp.Mul(*rest) * product


def _growing(expr: sp.Mul) -> Iterator[sp.Expr]:
    """Yield the exponentials that may overflow beside the complement of a label, which switches them off."""
    labels = [part for part in expr.args if isinstance(part, sp.Add) and is_switch(part)]
    if any(bounds(label) == UNIT for label in labels):
        yield from (p for p in expr.args if isinstance(p, sp.exp) and bounds(p.args[0])[1] is sp.oo)


def _product(gate: sp.Expr, value: sp.Expr) -> sp.Expr:
    if isinstance(value, sp.log):
        return vo.xlogy(gate, value.args[0])
    if isinstance(value, vo.log1p):
        return vo.xlog1py(gate, value.args[0])
    return vo.gated(gate, _without_exponents(gate, value))


def _without_exponents(gate: sp.Expr, value: sp.Expr) -> sp.Expr:
    """Leave exponents of minus infinity out of a difference: exp(u) is 0 there, but u - x may be NaN."""
    exponents = {part.args[0] for part in sp.Mul.make_args(gate) if isinstance(part, sp.exp)}
    exponent = next((term for term in value.args if term in exponents), None)
    if not isinstance(value, sp.Add) or exponent is None:
        return value
    negative = [term for term in value.args if term.could_extract_minus_sign()]
    alive = vo.gated(vo.alive(exponent), exponent)
    if len(negative) != 1:
        return alive + value - exponent
    # The two meet first: where they are large and nearly equal, another term would be lost beside one.
    return vo.gap(alive, -negative[0]) + (value - exponent - negative[0])


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
            sp.exp(X) * (X - Z + 1),
            W * vo.logshare(V[K], Reduction("lse", V[I], I)),
            W * X,
            W * Reduction("sum", M[I] * V[I], I),
            W * vo.sigmoid(-X) * (T * vo.sigmoid(-X) + (1 - T) * vo.sigmoid(X)) ** (W - 1),
            X**2 * sp.exp(-(X**2)),
            (1 - T) * sp.exp(X),
            X * (T * vo.sigmoid(-X) + (1 - T) * vo.sigmoid(X)) ** (W - 1),
            W * vo.sigmoid(-X) * vo.softplus(-X) * (T * vo.sigmoid(-X) + (1 - T) * vo.sigmoid(X)) ** (W - 1),
        ),
    ),
)
