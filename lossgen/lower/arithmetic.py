"""Products and powers as ordered trees: coefficients first, factors of outer loops together,
quotients paired.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import sympy as sp

from lossgen.algebra.tensors import Element
from lossgen.algebra.vocabulary import logshare
from lossgen.lower import ir, reductions
from lossgen.lower.parts import lifted, total
from lossgen.lower.types import type_of

if TYPE_CHECKING:
    from lossgen.lower.values import Lowering

# Up to this power a chain of products is as accurate as the library function, and far faster.
_LARGEST_CHAIN = 4
_ROLE_ORDER = {"scale": 0, "weight": 1, "param": 2, "per_class": 3, "pred": 4, "target": 5}


def _tensor_rank(expr: sp.Expr) -> int:
    """Order of factors: scale and weight, parameters, entries of tensors, everything else."""
    return _ROLE_ORDER.get(expr.tensor.role, 6) if isinstance(expr, Element) else 7


# -- products
# --------------------------------------------------------------------------------------------------------


def multiply(low: Lowering, expr: sp.Expr) -> ir.Expr:
    """Lower a product: what outer loops know is multiplied there, the rest here, numerators paired with
    denominators.
    """
    if type_of(expr) == "int":
        return _integer_product(low, expr)
    coefficient, rest = expr.as_coeff_Mul()
    upper, lower = _split(low, rest)
    if not coefficient.is_Rational:
        upper, coefficient = [coefficient, *upper], sp.S.One
    negative = coefficient < 0
    upper, lower, outer = _outer(low, abs(coefficient), upper, lower)
    values = [low.float(f) for f in upper]
    result = outer if outer is not None else None
    if outer is None and (abs(coefficient.p) != 1 or (not upper and lower)):
        result = ir.Const(Fraction(int(abs(coefficient.p))), "float")
    if outer is None and coefficient.q != 1:
        result, divisor = _rational(result, int(coefficient.q))
        if divisor is not None:
            lower = [*lower, divisor]
    for k, value in enumerate(values):
        paired = value
        if k < len(lower):
            paired = ir.Op("div", (value, low.float(lower[k])), "float")
        result = paired if result is None else ir.Op("mul", (result, paired), "float")
    for divisor in lower[len(values) :]:
        assert result is not None
        result = ir.Op("div", (result, low.float(divisor)), "float")
    if result is None:
        result = ir.Const(Fraction(1), "float")
    return ir.Op("neg", (result,), "float") if negative else result


def _rational(result: ir.Expr | None, q: int) -> tuple[ir.Expr, sp.Integer | None]:
    """Multiply by 1/q where that is exact, else leave a division by q, which is correctly rounded."""
    numerator = result.value if isinstance(result, ir.Const) else Fraction(1)
    assert isinstance(numerator, Fraction)
    if q & (q - 1) == 0:
        return ir.Const(numerator / q, "float"), None
    return ir.Const(numerator, "float"), sp.Integer(q)


def _split(low: Lowering, expr: sp.Expr) -> tuple[list[sp.Expr], list[sp.Expr]]:
    """Factors above and below the fraction bar, small powers written out."""
    upper: list[sp.Expr] = []
    lower: list[sp.Expr] = []
    for factor in sp.Mul.make_args(expr):
        if isinstance(factor, sp.Pow) and factor.exp.is_Rational and factor.exp < 0:
            # Divided by, also where the inverse is at hand: one rounding less, the same bits in every kernel.
            lower += _chain(low, factor.base, -factor.exp)
        elif low.scopes.find(factor) is not None or factor == 1:
            upper += [factor] * (factor != 1)
        elif isinstance(factor, sp.Pow) and factor.exp.is_Rational:
            upper += _chain(low, factor.base, factor.exp)
        elif _is_share(factor) and low.facts.uses[factor] <= 1:
            a, lse = factor.args[0].args
            upper.append(sp.exp(lifted(a, lse)))
            lower.append(total(lse))
        else:
            upper.append(factor)
    return sorted(upper, key=_factor_key), sorted(lower, key=_factor_key)


def _is_share(factor: sp.Expr) -> bool:
    inside = factor.args[0] if isinstance(factor, sp.exp) else None
    return isinstance(inside, logshare) and reductions.is_pair(inside.args[1])


def _factor_key(factor: sp.Expr) -> tuple[int, object]:
    return _tensor_rank(factor), sp.default_sort_key(factor)


def _chain(low: Lowering, base: sp.Expr, exponent: sp.Rational) -> list[sp.Expr]:
    whole = sp.Pow(base, exponent)
    if low.facts.uses[whole] > 1 or low.scopes.find(whole) is not None:
        return [whole]
    count = int(exponent)
    if exponent.is_Integer and count <= _LARGEST_CHAIN:
        return [base] * count
    if exponent.q == 2 and count <= _LARGEST_CHAIN:
        return [*[base] * count, sp.sqrt(base)]
    return [whole]


def _outer(
    low: Lowering, coefficient: sp.Rational, upper: list[sp.Expr], lower: list[sp.Expr]
) -> tuple[list[sp.Expr], list[sp.Expr], ir.Expr | None]:
    """Take out the factors that do not change in the innermost loop, as one product that is computed
    outside it.
    """
    depths = [k for k, scope in enumerate(low.scopes.stack) if scope.index is not None]
    if not depths:
        return upper, lower, None

    def outside(factor: sp.Expr) -> bool:
        return low.home(factor) < depths[-1]

    constant_upper = [f for f in upper if outside(f)]
    constant_lower = [f for f in lower if outside(f)]
    varying = [f for f in upper if not outside(f)]
    if (
        not constant_upper
        or not varying
        or len(constant_upper) + len(constant_lower) + (coefficient != 1) < 2
    ):
        return upper, lower, None
    group = sp.Mul(coefficient, *constant_upper, *(1 / f for f in constant_lower))
    return varying, [f for f in lower if not outside(f)], low.float(group)


def _integer_product(low: Lowering, expr: sp.Expr) -> ir.Expr:
    coefficient, rest = expr.as_coeff_Mul()
    factors = [low.value(f) for f in sorted(sp.Mul.make_args(rest), key=_factor_key)]
    if abs(coefficient) != 1:
        factors.insert(0, low.value(abs(coefficient)))
    result = factors[0]
    for factor in factors[1:]:
        result = ir.Op("mul", (result, factor), "int")
    return ir.Op("neg", (result,), "int") if coefficient < 0 else result


# -- powers
# ------------------------------------------------------------------------------------------------------


def power(low: Lowering, expr: sp.Pow) -> ir.Expr:
    """Square roots and short chains of products where the exponent allows, else the library's power."""
    base, exponent = expr.args
    if exponent.is_Rational:
        if exponent < 0:
            return ir.Op("div", (ir.Const(Fraction(1), "float"), low.float(sp.Pow(base, -exponent))), "float")
        if exponent == sp.Rational(1, 2):
            return ir.Op("sqrt", (low.float(base),), "float")
        if exponent.q <= 2 and int(exponent) <= _LARGEST_CHAIN:
            return _power_chain(low, base, exponent)
    return ir.Op("pow", (low.float(base), low.float(exponent)), "float")


def _power_chain(low: Lowering, base: sp.Expr, exponent: sp.Rational) -> ir.Expr:
    """The base is used several times, so it gets a name unless it is one."""
    value = low.value(base)
    kind = type_of(base) if exponent.is_Integer else "float"
    if kind == "float":
        value = low.float(base)
    if not isinstance(value, ir.Var | ir.Load):
        value = low.named(base, low.home(base))
    result = value
    for _ in range(int(exponent) - 1):
        result = ir.Op("mul", (result, value), kind)
    if exponent.q == 2:
        result = ir.Op("mul", (result, ir.Op("sqrt", (value,), "float")), "float")
    return result


def floor_divide(low: Lowering, expr: sp.Expr) -> ir.Expr:
    """Lower floor(expr) of a rational combination of integers to an integer division."""
    denominators = [term.as_coeff_Mul()[0].q for term in sp.Add.make_args(expr)]
    q = sp.ilcm(1, *denominators)
    numerator = low.value(sp.expand(expr * q))
    return numerator if q == 1 else ir.Op("floordiv", (numerator, ir.Const(Fraction(int(q)), "int")), "int")
