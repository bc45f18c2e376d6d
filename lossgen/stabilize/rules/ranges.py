"""Rules that run after all others, on derivatives and values: powers whose exponent is not known.

A power alone may leave the range of floating point where its product with the other factors does not; so the
product gets its root twice. And ``g - 1`` is never formed: its rounding would count as often as the base has
logarithms.
"""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Where
from lossgen.algebra.tensors import Tensor, tensors
from lossgen.stabilize.facts import bounds, is_nonneg
from lossgen.stabilize.rule import P, Q, Rule, T, W, X, Z
from lossgen.stabilize.terms import exp_term, factors

RANGE = ("range",)

# Factors that belong to the call: a weight alone is no reason to take a power apart.
_CALL_ROLES = frozenset({"weight", "scale"})
_LARGEST_OFFSET = 2
# Digits that float32 holds.
_FEW_DIGITS = 20
_INPUT_ROLES = frozenset({"pred", "target"})
# Functions that vanish far out, and their products.
_DECAYING: dict[type, Any] = {vo.sech2: vo.timessech2, vo.inv1psq: vo.timesinv1psq}


def _is_open(expr: sp.Expr) -> bool:
    return isinstance(expr, sp.Pow) and not expr.exp.is_number


def _times_power(factor: sp.Expr, power: sp.Expr) -> sp.Expr:
    """Return the product of a factor and a power, or of a factor and such a product."""
    if isinstance(power, vo.powered):
        own, *rest = power.args
        return vo.powered(factor * own, *rest)
    offset, exponent = _offset(power.exp)
    return vo.powered(factor, power.base, exponent, offset)


def _offset(exponent: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    offset, rest = exponent.as_coeff_Add()
    known = offset.is_Integer and abs(offset) <= _LARGEST_OFFSET
    return (offset, rest) if known else (sp.S.Zero, exponent)


def _shifted(expr: sp.Pow) -> sp.Expr | None:
    return _times_power(sp.S.One, expr) if _is_open(expr) and _offset(expr.exp)[0] != 0 else None


def _rounded(expr: sp.Pow) -> sp.Expr | None:
    """a**e is a**d * (1 + expm1((e - d)*log(a))) for the next number d that has few digits."""
    e = expr.exp
    if not e.is_Rational or e.q & (e.q - 1) == 0 or expr.base.is_number or not is_nonneg(expr.base):
        return None
    bits = _FEW_DIGITS - math.floor(math.log2(abs(e)))
    d = sp.Rational(int(e * 2**bits), 2**bits)  # int() cuts towards 0: both factors vanish or grow together
    return expr.base**d * (1 + vo.expm1((e - d) * sp.log(expr.base)))


def _product(expr: sp.Mul) -> sp.Expr | None:
    for k, part in enumerate(expr.args):
        rest = sp.Mul(*expr.args[:k], *expr.args[k + 1 :])
        if isinstance(part, Where) and all(isinstance(b, vo.powered | vo.timesexp) for b in part.args[1:]):
            return Where(part.args[0], *(b.func(rest * b.args[0], *b.args[1:]) for b in part.args[1:]))
        varies = any(tensor.role not in _CALL_ROLES for tensor in tensors(rest))
        if isinstance(part, vo.powered) or (_is_open(part) and varies):
            return _times_power(rest, part)
    return None


def _gated(expr: sp.Expr) -> sp.Expr | None:
    """A product with a root twice is 0 where any factor is: it needs no gate."""
    gate, value = expr.args
    if _is_open(value) or isinstance(value, vo.powered):
        return _times_power(gate, value)
    return _times_power(value, gate) if _is_open(gate) else None


def _decaying(expr: sp.Mul) -> sp.Expr | None:
    """Take what grows together with the argument of a decaying factor into the factor."""
    for part in expr.args:
        base, exponent = part.as_base_exp()
        if type(base) not in _DECAYING or not exponent.is_Integer or exponent.is_negative:
            continue
        # Beside u itself 1 / (1 + u**2) has names of its own; this is for what vanishes faster.
        if isinstance(base, vo.inv1psq) and not base.has(vo.sqdiv, sp.Pow):
            continue
        rest = sp.Mul.make_args(expr / base)
        inner = [factor for factor in rest if _inputs(factor)]
        if any(_inputs(factor) & _inputs(base) for factor in inner):
            outer = [factor for factor in rest if factor not in inner]
            return sp.Mul(*outer, _DECAYING[type(base)](sp.Mul(*inner), *base.args))
    return None


def _exponential_times_expm1(expr: sp.Mul) -> sp.Expr | None:
    """Take exp(b) and expm1(c) into one function: exp(b) may vanish where expm1(c) is infinite."""
    for node, others in factors(expr, vo.expm1):
        rest, exponent = exp_term(others)
        if not exponent.is_zero and bounds(node.args[0])[1] is sp.oo:
            outer, inner = _apart(rest)
            return outer * vo.timesexpm1(inner, exponent, *node.args)
    return None


def _apart(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return the factors that belong to the call, and the others."""
    parts = sp.Mul.make_args(expr)
    outer = [part for part in parts if any(tensor.role in _CALL_ROLES for tensor in tensors(part))]
    return sp.Mul(*outer), sp.Mul(*(part for part in parts if part not in outer))


def _two_exponentials(expr: sp.Add) -> sp.Expr | None:
    """Two exponentials that may overflow, and whose difference is taken."""
    by_exponent: dict[sp.Expr, list[sp.Expr]] = {}
    for term in expr.args:
        coefficient, exponent = exp_term(term)
        by_exponent.setdefault(exponent, []).append(coefficient)
    rest = sp.Add(*by_exponent.pop(sp.S.Zero, []))
    if len(by_exponent) != 2 or not all(bounds(exponent)[1] is sp.oo for exponent in by_exponent):
        return None
    (b, first), (d, second) = by_exponent.items()
    a, c = sp.Add(*first), sp.Add(*second)
    if any(all(is_nonneg(sign * part) for part in (a, c)) for sign in (1, -1)):
        return None
    return rest + vo.expsum(a, b, c, d)


def _inputs(expr: sp.Expr) -> set[Tensor]:
    return {tensor for tensor in tensors(expr) if tensor.role in _INPUT_ROLES}


RULES = (
    Rule(
        "shifted-power",
        RANGE,
        "the rounding of g - 1, multiplied by the logarithm of the base",
        (sp.Pow,),
        _shifted,
        lambda: (Q ** (W - 1), Q ** (W - 2), Q ** (W + 1), Q ** (2 * W - 1)),
    ),
    Rule(
        "rounded-exponent",
        RANGE,
        "the rounding of a constant exponent, multiplied by the logarithm of the base",
        (sp.Pow,),
        _rounded,
        lambda: (Q ** sp.Rational(5, 11), P ** sp.Rational(-1, 3), sp.Abs(X) ** sp.Rational(6, 5)),
    ),
    Rule(
        "power-in-product",
        RANGE,
        "a power that overflows or vanishes although the product does not",
        (sp.Mul,),
        _product,
        lambda: (
            X * Q**W,
            -T * vo.powered(X, Q, W, -1),
            X * Z * vo.powered(2, Q, W, 0),
            X * Where(sp.Gt(Z, 0), vo.powered(Z, Q, W, -1), vo.timesexp(Z, T)),
        ),
    ),
    Rule(
        "exp-times-expm1",
        RANGE,
        "infinity times zero",
        (sp.Mul,),
        _exponential_times_expm1,
        lambda: (sp.exp(X) * vo.expm1(Z), W * sp.exp(X) * vo.expm1(Q * Z) / Q),
    ),
    Rule(
        "two-exponentials",
        RANGE,
        "infinity minus infinity",
        (sp.Add,),
        _two_exponentials,
        lambda: (
            sp.exp(X) / Q - W * sp.exp(Z),
            X * sp.exp(2 * X) - 3 * sp.exp(2 * X) - T * sp.exp(X * Z) + Q,
        ),
    ),
    Rule(
        "decaying-factor",
        RANGE,
        "a factor that vanishes although its product with what grows does not, and infinity times zero",
        (sp.Mul,),
        _decaying,
        lambda: (
            (X - Z) ** 2 / Q**2 * vo.sech2((X - Z) / Q),
            T * X * vo.inv1psq(vo.sqdiv(X, Q)),
            X * vo.inv1psq(X**3) ** 2,
        ),
    ),
    Rule(
        "gated-power",
        RANGE,
        "a power that overflows or vanishes although the product does not",
        (vo.gated,),
        _gated,
        lambda: (vo.gated(X, Q**W), vo.gated(Q**W, X), vo.gated(X, vo.powered(Z, Q, W, -1))),
    ),
)
