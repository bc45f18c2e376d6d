"""Rules on quotients of polynomials: differences are taken above the bar, and squares meet roots below it."""

from __future__ import annotations

from itertools import combinations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element, elements
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
    if _is_foreign(expr):
        return None
    held, differences = _held(expr)
    joined = _join(held) if differences else None
    return _join(expr) if joined is None else joined.xreplace(differences)


def _held(expr: sp.Add) -> tuple[sp.Expr, dict[sp.Symbol, sp.Expr]]:
    """Put symbols in place of differences: multiplied out, squares of theirs would cancel."""
    names: dict[sp.Expr, sp.Symbol] = {}
    rule: dict[sp.Expr, sp.Expr] = {}
    for total in sorted(expr.atoms(sp.Add), key=sp.default_sort_key):
        number, difference = total.as_content_primitive()
        if difference.could_extract_minus_sign():
            number, difference = -number, -difference
        parts = [term.as_coeff_Mul()[1] for term in difference.args]
        if all(isinstance(part, Element) for part in parts) and _has_both_signs(difference):
            symbol = names.setdefault(difference, sp.Symbol(f"difference{len(names)}", real=True))
            rule[total] = number * symbol
    return expr.xreplace(rule), {symbol: difference for difference, symbol in names.items()}


def _has_both_signs(total: sp.Expr) -> bool:
    return len({term.as_coeff_Mul()[0].is_negative for term in sp.Add.make_args(total)}) == 2


def _join(expr: sp.Expr) -> sp.Expr | None:
    parts = [sp.fraction(term) for term in sp.Add.make_args(expr)]
    powers = [part.as_base_exp() for _, below in parts for part in sp.Mul.make_args(below)]
    sums = sorted({base for base, _ in powers if isinstance(base, sp.Add)}, key=sp.default_sort_key)
    for d in sums:
        exponents = [power for base, power in powers if base == d]
        if not all(power.is_Integer for power in exponents):
            continue
        highest = max(exponents)
        above = [sp.expand(sp.cancel(term * d**highest)) for term in sp.Add.make_args(expr)]
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


def _square_beside_its_scale(expr: sp.Mul) -> sp.Expr | None:
    """(m*c + n*u**2)*inv1psq(u/sqrt(c)) is c*(m*inv1psq(u/sqrt(c)) + n*sq1psq(u/sqrt(c)))."""
    for below in expr.args:
        function, power = below.as_base_exp()
        if not isinstance(function, vo.inv1psq) or not (power.is_Integer and power.is_positive):
            continue
        square, scale = sp.fraction(function.args[0] ** 2)
        named = ((scale, function), (square, vo.sq1psq(*function.args)))
        for total in expr.args:
            terms = total.args if isinstance(total, sp.Add) else ()
            made = [term / unit * name for term in terms for unit, name in named if (term / unit).is_number]
            if terms and len(made) == len(terms):
                return expr / (total * below) * function ** (power - 1) * scale * sp.Add(*made)
    return None


def _meets_its_square(expr: sp.Mul) -> sp.Expr | None:
    """k*u * inv1psq(u) is k*over1psq(u): neither the square below nor what stands above it counts alone."""
    for below in expr.args:
        function, most = below.as_base_exp()
        if not isinstance(function, vo.inv1psq) or not (most.is_Integer and most.is_positive):
            continue
        for above in expr.args:
            base, power = above.as_base_exp()
            ratio = (base.args[0] / base.args[1] if isinstance(base, vo.quotient) else base) / function.args[
                0
            ]
            varies = any(element.tensor.role in _INPUT_ROLES for element in elements(ratio))
            if power.is_Integer and power.is_positive and not varies and is_positive(ratio):
                met = min(power, most)
                rest = expr / (above * below) * base ** (power - met) * function ** (most - met)
                return rest * (ratio * vo.over1psq(*function.args)) ** met
    return None


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
        "square-beside-its-scale",
        ("clean",),
        "overflow of the square",
        (sp.Mul,),
        _square_beside_its_scale,
        lambda: (
            (Q - 3 * (X - Z) ** 2) * vo.inv1psq((X - Z) / sp.sqrt(Q)) ** 3 / Q**2,
            W * (X**2 + 2) * vo.inv1psq(X / sp.sqrt(2)),
        ),
    ),
    Rule(
        "input-meets-its-square",
        ("clean",),
        "vanishing of the square's inverse, overflow above it",
        (sp.Mul,),
        _meets_its_square,
        lambda: (
            vo.quotient(X - Z, Q) ** 2 * vo.inv1psq((X - Z) / sp.sqrt(Q)) ** 2 / 2,
            W * (X - Z) * vo.inv1psq((X - Z) / Q) ** 2,
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
