"""Rules on quotients of polynomials: differences are taken above the bar, and squares meet roots below it."""

from __future__ import annotations

from itertools import combinations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import elements
from lossgen.stabilize.facts import is_positive
from lossgen.stabilize.rule import P, Q, Rule, S, T, W, X, Z
from lossgen.stabilize.rules.roots import hypot_of, root_over
from lossgen.stabilize.terms import count, is_polynomial

_INPUT_ROLES = frozenset({"pred", "target"})
# Of more terms SymPy's factors take long, and are rarely any.
_MOST_TERMS = 60


def _constant_minus_fraction(expr: sp.Add) -> sp.Expr | None:
    """Write c - n/d as (c*d - n)/d where terms of c*d meet their opposites."""
    constant, term = expr.as_coeff_Add()
    above, below = sp.fraction(term)
    if constant == 0 or not isinstance(below, sp.Add) or term.has(sp.Function, Reduction, Where):
        return None
    if not (is_polynomial(above) and is_polynomial(below)):
        return None
    first, second = sp.expand(constant * below), sp.expand(above)
    total = first + second
    if count(first) > _MOST_TERMS or count(total) == count(first) + count(second):
        return None
    return sp.factor(total) / below


def _joined(expr: sp.Add) -> sp.Expr | None:
    """n/d + m/d**2 is (n*d + m)/d**2 where terms meet their opposites."""
    if expr.has(sp.Function, Reduction, Where) or not all(
        power.exp.is_number for power in expr.atoms(sp.Pow)
    ):
        return None
    parts = [sp.fraction(term) for term in expr.args]
    powers = [part.as_base_exp() for _, below in parts for part in sp.Mul.make_args(below)]
    sums = sorted({base for base, _ in powers if isinstance(base, sp.Add)}, key=sp.default_sort_key)
    for d in sums:
        exponents = [power for base, power in powers if base == d]
        if not all(power.is_Integer for power in exponents):
            continue
        highest = max(exponents)
        above = [sp.expand(sp.cancel(term * d**highest)) for term in expr.args]
        terms = sum(map(count, above))
        if terms > _MOST_TERMS or not all(is_polynomial(one) for one in above):
            continue
        total = sp.Add(*above)
        if count(total) < terms:
            return sp.factor(total) / d**highest
    return None


def _crossed(expr: sp.Add) -> sp.Expr | None:
    """n/d + m/e is (n*e + m*d)/(d*e) where terms of n*e meet their opposites in m*d."""
    if _is_foreign(expr):
        return None
    parts = [(term, *sp.fraction(term)) for term in expr.args]
    parts = [(term, n, d) for term, n, d in parts if is_polynomial(d) and is_polynomial(n) and d.has(sp.Add)]
    for (first, n, d), (second, m, e) in combinations(parts, 2):
        one, other = sp.expand(n * e), sp.expand(m * d)
        total, terms = one + other, count(one) + count(other)
        meets = count(total) <= terms - 2 and _weight(total) < _weight(one, other)
        # A product of denominators overflows before either of them, unless what is above grows less.
        grown = max(_degree(one), _degree(other))
        if terms <= _MOST_TERMS and d != e and meets and _degree(total) <= max(0, grown - 1):
            return expr - first - second + sp.factor(total) / d / e
    return None


def _degree(total: sp.Expr) -> int:
    """Return the degree in what has no bounds."""
    unbounded = [one for one in elements(total) if one.tensor.domain != "unit"]
    return int(sp.Poly(total, *unbounded).total_degree()) if unbounded and total != 0 else 0


def _is_foreign(expr: sp.Expr) -> bool:
    return expr.has(sp.Function, Reduction, Where) or not all(p.exp.is_number for p in expr.atoms(sp.Pow))


def _weight(*sums: sp.Expr) -> sp.Expr:
    """Return the sum of the sizes of all coefficients: like terms keep it, opposite ones do not."""
    terms = [term for total in sums for term in sp.Add.make_args(total)]
    return sp.Add(*(abs(term.as_coeff_Mul()[0]) for term in terms))


def _balanced(expr: sp.Mul) -> sp.Expr | None:
    """f*g/(a**2 + b**2) is f/h * (g/h) for h = hypot(a, b): what is squared may overflow or vanish."""
    for below in expr.args:
        root = _root_below(below)
        if root is None or root_over(expr) is not None:
            continue
        h, left = root
        above = [part for part in expr.args if part is not below]
        varying = [part for part in above if _is_power_of_input(part)]
        if not varying or (below.has(vo.inv1psq) and sum(part.as_base_exp()[1] for part in varying) < 2):
            continue
        result = sp.Mul(*(part for part in above if part not in varying))
        for part in varying:
            base, power = part.as_base_exp()
            if power == 1 and left > 1 and isinstance(base, sp.Add) and any(map(_is_product, base.args)):
                result *= sp.Add(*(_twice_over(term, h) for term in base.args))
                left -= 2
                continue
            met = min(int(power), left)
            left -= met
            result *= vo.quotient(base, h) ** met * base ** (power - met)
        return result * h**-left
    return None


def _varying(term: sp.Expr) -> list[sp.Expr]:
    """Return the factors of a term, whole powers as often as they count."""
    found: list[sp.Expr] = []
    for part in sp.Mul.make_args(term):
        base, power = part.as_base_exp()
        whole = power.is_Integer and power.is_positive
        found += [base] * int(power) if whole else [part]
    return [part for part in found if not part.is_number]


def _is_product(term: sp.Expr) -> bool:
    return len(_varying(term)) > 1


def _twice_over(term: sp.Expr, h: sp.Expr) -> sp.Expr:
    """Return a product over h**2, two of its factors divided by h each."""
    varying = _varying(term)[:2]
    return (
        term / sp.Mul(*varying) * sp.Mul(*(vo.quotient(one, h) for one in varying)) / h ** (2 - len(varying))
    )


def _root_below(part: sp.Expr) -> tuple[sp.Expr, int] | None:
    """Write a factor as h**-n for a hypot that is positive: return h and n."""
    base, power = part.as_base_exp()
    if not power.is_Integer:
        return None
    if isinstance(base, vo.inv1psq) and power.is_positive:
        return vo.hypot(1, base.args[0]), 2 * int(power)
    if isinstance(base, sp.Add) and power.is_negative and is_positive(base):
        h = hypot_of(base)
        return None if h is None else (h, -2 * int(power))
    return None


def _is_power_of_input(part: sp.Expr) -> bool:
    base, power = part.as_base_exp()
    varies = any(element.tensor.role in _INPUT_ROLES for element in elements(base))
    return varies and power.is_Integer and bool(power.is_positive) and is_polynomial(base)


RULES = (
    Rule(
        "constant-minus-fraction",
        ("lift", "clean"),
        "cancellation where the fraction is nearly constant",
        (sp.Add,),
        _constant_minus_fraction,
        lambda: (
            1 - Q / (Q + X**2),
            1 - (2 * P * Q + W) / (P**2 + Q**2 + W),
            (S * T + 1) / (S + T - S * T + 1) - 1,
        ),
    ),
    Rule(
        "join-fractions",
        ("join",),
        "cancellation between fractions, and their common factors",
        (sp.Add,),
        _joined,
        lambda: (
            2 * (P - X) / (P**2 + X**2) - 2 * X * (P - X) ** 2 / (P**2 + X**2) ** 2,
            1 / (Q + T) - T / (Q + T) ** 2,
        ),
    ),
    Rule(
        "cross-fractions",
        ("clean",),
        "cancellation between fractions",
        (sp.Add,),
        _crossed,
        lambda: (
            P / (1 + P) - Q / (1 + Q),
            W / (Q + S * T) - W / (Q + S + T - S * T) + X,
        ),
    ),
    Rule(
        "squares-over-squares",
        ("clean",),
        "overflow and vanishing of squares",
        (sp.Mul,),
        _balanced,
        lambda: (
            (X - Z) ** 2 / (Z**2 + Q),
            W * (P - X) ** 2 / (P**2 + X**2),
            (X - Z) ** 2 * vo.inv1psq(Z / Q) / Q,
            P * (P - X) * (P**2 + P * Q + Q) / (P**2 + X**2) ** 2,
        ),
    ),
)
