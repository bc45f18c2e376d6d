"""Rules on products: merge exponentials and powers of one base."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.tensors import Element, elements
from lossgen.stabilize.facts import bounds, is_nonneg
from lossgen.stabilize.rule import Q, Rule, T, W, X, Z
from lossgen.stabilize.terms import factors, linear_part, terms_with

BOTH = ("lift", "clean")


def _merge_exponentials(expr: sp.Mul) -> sp.Expr | None:
    exponents = [part.args[0] for part in expr.args if isinstance(part, sp.exp)]
    if len(exponents) < 2:
        return None
    rest = [part for part in expr.args if not isinstance(part, sp.exp)]
    return sp.exp(sp.Add(*exponents)) * sp.Mul(*rest)


def _merge_bases(expr: sp.Mul) -> sp.Expr | None:
    exponents: dict[sp.Expr, list[sp.Expr]] = {}
    for part in expr.args:
        base, exponent = part.as_base_exp()
        exponents.setdefault(base, []).append(exponent)
    if all(len(group) == 1 for group in exponents.values()):
        return None
    # A base that may be negative has no power with a symbolic exponent to begin with.
    return sp.Mul(*(base ** sp.Add(*group) for base, group in exponents.items()))


def _opposite_exponentials(expr: sp.Mul) -> sp.Expr | None:
    """exp(-s) * sigmoid(s)**n is sigmoid(-s) * sigmoid(s)**(n - 1)."""
    for factor, rest in factors(expr, sp.exp):
        for part in sp.Mul.make_args(rest):
            base, power = part.as_base_exp()
            if isinstance(base, vo.sigmoid) and factor.args[0] == -base.args[0] and is_nonneg(power - 1):
                return rest / part * vo.sigmoid(-base.args[0]) * base ** (power - 1)
    return None


def _repeated_exponentials(expr: sp.Mul) -> sp.Expr | None:
    """exp(-n*s) * sigmoid(s)**n is sigmoid(-s)**n."""
    for factor, rest in factors(expr, sp.exp):
        for part in sp.Mul.make_args(rest):
            base, power = part.as_base_exp()
            if isinstance(base, vo.sigmoid) and sp.expand(factor.args[0] + power * base.args[0]) == 0:
                return rest / part * vo.sigmoid(-base.args[0]) ** power
    return None


def _content(expr: sp.Mul) -> sp.Expr | None:
    """Take the numeric content out of a sum inside a product, unless terms without bounds grow by that."""
    for k, part in enumerate(expr.args):
        content, primitive = part.primitive() if isinstance(part, sp.Add) else (sp.S.One, part)
        if content > 1 or (
            content < 1 and _is_bounded(part.xreplace(dict.fromkeys(_of_call(part), sp.S.One)))
        ):
            result = sp.Mul(content, primitive, *expr.args[:k], *expr.args[k + 1 :])
            # SymPy multiplies a lone number back into a sum.
            return None if isinstance(result, sp.Add) else result
    return None


def _common_factor(expr: sp.Add) -> sp.Expr | None:
    """Take out factors that every term has; numbers and inverses of what may vanish stay inside."""
    terms = [sp.Mul.make_args(term) for term in expr.args]
    common = [f for f in terms[0] if not f.is_number and all(f in term for term in terms[1:])]
    if not common:
        return None
    rest = sp.Add(*(sp.Mul(*(f for f in term if f not in common)) for term in terms))
    return sp.Mul(*common) * rest


def _lower_power(expr: sp.Add) -> sp.Expr | None:
    """A*b**g + B*b**(g - 1) is b**(g - 1) * (A*b + B): b**g may vanish beside a large A."""
    powers = {power for power, _ in terms_with(expr, sp.Pow) if not power.exp.is_number}
    for high in sorted(powers, key=sp.default_sort_key):
        low = high.base ** (high.exp - 1)
        if low not in powers:
            continue
        slope, others = linear_part(expr, high)
        intercept, rest = linear_part(others, low)
        if not _is_bounded(slope):
            return rest + low * (slope * high.base + intercept)
    return None


def _of_call(expr: sp.Expr) -> list[Element]:
    return [entry for entry in elements(expr) if entry.tensor.role in ("weight", "scale")]


def _is_bounded(expr: sp.Expr) -> bool:
    return all(end.is_finite for end in bounds(expr))


def _tanh_of_sigmoid(expr: sp.Mul) -> sp.Expr | None:
    """(exp(v) - 1) * sigmoid(-v) is tanh(v / 2)."""
    for kind, sign in ((vo.expm1, 1), (vo.omexp, -1)):
        for factor, rest in factors(expr, kind):
            for other, remaining in factors(rest, vo.sigmoid):
                if other.args[0] == -factor.args[0]:
                    return sign * remaining * sp.tanh(factor.args[0] / 2)
    return None


RULES = (
    Rule(
        "merge-exponentials",
        BOTH,
        "overflow times underflow in a product of exponentials",
        (sp.Mul,),
        _merge_exponentials,
        lambda: (X * sp.exp(Z) * sp.exp(X * T), sp.exp(X) * sp.exp(-Z)),
    ),
    Rule(
        "merge-powers",
        BOTH,
        "0/0 where a power meets the inverse of its base",
        (sp.Mul,),
        _merge_bases,
        lambda: (Q**W / Q, vo.omexp(-Q) ** W * vo.omexp(-Q) * X),
    ),
    Rule(
        "exp-times-sigmoid",
        BOTH,
        "infinity times zero in exp(u) / (1 + exp(u))",
        (sp.Mul,),
        _opposite_exponentials,
        lambda: (sp.exp(X) * vo.sigmoid(-X), T * sp.exp(-X) * vo.sigmoid(X) ** 2),
    ),
    Rule(
        "exp-times-sigmoid-power",
        BOTH,
        "infinity times zero in (exp(u) / (1 + exp(u)))**n",
        (sp.Mul,),
        _repeated_exponentials,
        lambda: (sp.exp(W * X) * vo.sigmoid(-X) ** W,),
    ),
    Rule(
        "content",
        ("clean", "guard"),
        "overflow of 2*x - 2*y, and multiplications",
        (sp.Mul,),
        _content,
        lambda: (W * (2 * X - 2 * Z), (2 * X - 2 * Z) * T / (2 * Q)),
    ),
    Rule(
        "common-factor",
        ("clean",),
        "the same factor multiplied into every term, and cancellation between the terms' rounding errors",
        (sp.Add,),
        _common_factor,
        lambda: (
            (1 - T) * vo.sigmoid(X) - T * vo.sigmoid(X),
            W * X / Q - W**2 * Z / Q,
            sp.exp(X) * Z + sp.exp(X),
        ),
    ),
    Rule(
        "lower-power",
        ("clean",),
        "a power that vanishes beside a factor that grows without limit",
        (sp.Add,),
        _lower_power,
        lambda: (X * Q**W - T * Z * Q ** (W - 1), X * vo.sigmoid(X) ** W + vo.sigmoid(X) ** (W - 1) + T),
    ),
    Rule(
        "name-tanh",
        BOTH,
        "cancellation near 0 and infinity over infinity",
        (sp.Mul,),
        _tanh_of_sigmoid,
        lambda: (vo.expm1(X) * vo.sigmoid(-X), Z * vo.omexp(-Q) * vo.sigmoid(Q)),
    ),
)
