"""Rules on square roots and squares: scaled norms, and quotients that do not overflow on the way."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Reduction
from lossgen.algebra.tensors import elements
from lossgen.stabilize.facts import is_nonneg, is_positive
from lossgen.stabilize.rule import I, P, Q, Rule, T, U, V, W, X, Z
from lossgen.stabilize.terms import open_body, square_root, take, terms_with

BOTH = ("lift", "clean")


def _is_half_odd(exponent: sp.Expr) -> bool:
    return bool(exponent.is_Rational and exponent.q == 2)


def _norm(expr: sp.Pow) -> sp.Expr | None:
    if not _is_half_odd(expr.exp) or not isinstance(expr.base, Reduction) or expr.base.op != "sum":
        return None
    index, body = open_body(expr.base)
    root = square_root(body)
    return None if root is None else Reduction("norm", root, index) ** (2 * expr.exp)


def _absolute_power(expr: sp.Pow) -> sp.Expr | None:
    """|a|**b is flat where a is 0, whatever b is."""
    named = isinstance(expr.base, sp.Abs) and not expr.exp.is_number
    return vo.abspow(expr.base.args[0], expr.exp) if named else None


def _power_norm(expr: sp.Pow) -> sp.Expr | None:
    if not isinstance(expr.base, Reduction) or expr.base.op != "sum":
        return None
    index, body = open_body(expr.base)
    if not isinstance(body, vo.abspow) or index in body.args[1].free_symbols:
        return None
    power = expr.exp * body.args[1]
    return Reduction("norm", body.args[0], index, body.args[1]) ** power if power.is_number else None


def _hypot(expr: sp.Pow) -> sp.Expr | None:
    wanted = _is_half_odd(expr.exp) or not expr.exp.is_Rational
    root = hypot_of(expr.base) if wanted and isinstance(expr.base, sp.Add) else None
    return None if root is None else root ** (2 * expr.exp)


def hypot_of(expr: sp.Add) -> sp.Expr | None:
    """Return the root of a sum of squares and of what is cheap to take the root of, None of other sums."""
    roots = [_root(term) for term in expr.args]
    if any(root is None for root in roots) or not any(map(_is_square, expr.args)):
        return None
    result = roots[0]
    for root in roots[1:]:
        result = vo.hypot(result, root)
    return result


def _log_of_squares(expr: sp.log) -> sp.Expr | None:
    """log(a**2 + b**2) is 2*log(hypot(a, b))."""
    total = expr.args[0]
    root = hypot_of(total) if isinstance(total, sp.Add) and is_positive(total) else None
    return None if root is None else 2 * sp.log(root)


def _is_square(term: sp.Expr) -> bool:
    return square_root(term) is not None or _root_of_sum(term) is not None


def _root(term: sp.Expr) -> sp.Expr | None:
    root = square_root(term)
    if root is None:
        root = _root_of_sum(term)
    # A positive summand is the square of its root; parameters and constants are cheap to take the root of.
    return sp.sqrt(term) if root is None and term.is_positive and not term.has(Reduction) else root


def _root_of_sum(term: sp.Expr) -> sp.Expr | None:
    return _norm(sp.Pow(term, sp.S.Half, evaluate=False)) if isinstance(term, Reduction) else None


def _hypot_minus_side(expr: sp.Add) -> sp.Expr | None:
    """c*hypot(a, b) - c*b is c*a**2/(hypot(a, b) + b) for b > 0."""
    for node, c in terms_with(expr, vo.hypot):
        for side, other in (node.args, node.args[::-1]):
            rest = take(expr, c * node - c * side) if is_positive(side) else None
            if rest is not None:
                return rest + c * vo.sqdiv(other, node + side)
    return None


def _root_minus_constant(expr: sp.Add) -> sp.Expr | None:
    """c*sqrt(d**2 + s) - c*d is c*s/(sqrt(d**2 + s) + d) for a number d > 0."""
    for node, c in terms_with(expr, sp.Pow):
        if node.exp != sp.S.Half or not isinstance(node.base, sp.Add):
            continue
        square, rest_of_base = node.base.as_coeff_Add()
        side = sp.sqrt(square)
        rest = take(expr, c * node - c * side) if square.is_positive else None
        if rest is not None:
            return rest + c * rest_of_base / (node + side)
    return None


def _square_over(expr: sp.Mul) -> sp.Expr | None:
    """a**2 / b is a * (a / b): the square alone may overflow or vanish."""
    above = [part for part in expr.args if isinstance(part, sp.Pow) and part.exp == 2]
    above = [part for part in above if not isinstance(part.base, vo.inv1psq)]  # it meets what varies
    below = [
        part for part in expr.args if isinstance(part, sp.Pow) and part.exp == -1 and is_nonneg(part.base)
    ]
    number = expr.args[0] if expr.args[0].is_Rational else sp.S.One
    if len(above) != 1 or not (below or number.q > 1):
        return None
    rest = [part for part in expr.args if part not in (*above, *below, number)]
    divisor = sp.Mul(number.q, *(1 / part for part in below))
    return sp.Mul(number.p, *rest, vo.sqdiv(above[0].base, divisor))


def _ratio_of_squares(expr: sp.Mul) -> sp.Expr | None:
    """a**2 / b**2 is (a / b)**2; sums stay apart: they are divided by once for all entries."""
    above = [part for part in expr.args if isinstance(part, sp.Pow) and part.exp == 2]
    above = [part for part in above if not isinstance(part.base, vo.inv1psq)]  # it meets what varies
    below = [part for part in expr.args if isinstance(part, sp.Pow) and part.exp == -2]
    for a in above:
        for b in below:
            if is_nonneg(b.base) and not b.has(Reduction):
                return expr / (a * b) * vo.quotient(a.base, b.base) ** 2
    return None


def _inverse_of_square(expr: sp.Pow) -> sp.Expr | None:
    """(c + u**2)**-n is inv1psq(u/sqrt(c))**n / c**n."""
    if not isinstance(expr.base, sp.Add) or not expr.exp.is_Integer or not expr.exp.is_negative:
        return None
    if len(expr.base.args) != 2:
        return None
    for square, constant in (expr.base.args, expr.base.args[::-1]):
        root = square_root(square) if _is_scale(constant) else None
        if root is not None:
            return constant**expr.exp * vo.inv1psq(root / sp.sqrt(constant)) ** -expr.exp
    return None


def _is_scale(expr: sp.Expr) -> bool:
    """Whether an expression is positive and read from parameters alone."""
    return is_positive(expr) and all(element.tensor.role == "param" for element in elements(expr))


def root_over(expr: sp.Mul) -> sp.Expr | None:
    """Write u * inv1psq(u) as over1psq(u), and u**2 * inv1psq(u) as sq1psq(u)."""
    powers = dict(part.as_base_exp() for part in expr.args)
    for name in expr.atoms(vo.inv1psq):
        if name not in powers:
            continue
        u = vo.exact(name.args[0], lambda node: not isinstance(node, vo.sqdiv | vo.quotient))
        # Scales may have met their inverses; what varies has not.
        wanted = [part.as_base_exp() for part in sp.Mul.make_args(u) if not _is_scale(part)]
        if wanted and all(_holds(powers.get(b), 2 * e) for b, e in wanted):
            return expr / name / u**2 * vo.sq1psq(*name.args)
        if wanted and all(_holds(powers.get(b), e) for b, e in wanted):
            return expr / name / u * vo.over1psq(*name.args)
    return None


def _holds(exponent: sp.Expr | None, wanted: sp.Expr) -> bool:
    return exponent is not None and bool((exponent / wanted - 1).is_nonnegative)


RULES = (
    Rule(
        "name-norm",
        BOTH,
        "overflow and vanishing of squares",
        (sp.Pow,),
        _norm,
        lambda: (
            sp.sqrt(Reduction("sum", (V[I] - U[I]) ** 2, I)),
            1 / sp.sqrt(Reduction("sum", V[I] ** 2, I)),
            Reduction("sum", Q * V[I] ** 2, I) ** sp.Rational(3, 2),
        ),
    ),
    Rule(
        "name-power",
        ("lift",),
        "0 times infinity in the slope of a power of an absolute value",
        (sp.Pow,),
        _absolute_power,
        lambda: (sp.Abs(X) ** Q, sp.Abs(X - Z) ** (Q + 1)),
    ),
    Rule(
        "name-power-norm",
        ("lift",),
        "overflow and vanishing of powers",
        (sp.Pow,),
        _power_norm,
        lambda: (
            Reduction("sum", vo.abspow(V[I] - U[I], Q), I) ** (1 / Q),
            Reduction("sum", vo.abspow(V[I], Q), I) ** (-2 / Q),
        ),
    ),
    Rule(
        "name-hypot",
        BOTH,
        "overflow and vanishing of squares",
        (sp.Pow,),
        _hypot,
        lambda: (
            sp.sqrt(X**2 + Z**2),
            sp.sqrt((X - Z) ** 2 + Q),
            1 / sp.sqrt(1 + X**2 / Q**2),
            sp.sqrt(Q + Reduction("sum", V[I] ** 2, I)),
            sp.sqrt(X**2 + Z**2 + T**2),
        ),
    ),
    Rule(
        "log-of-squares",
        ("value",),
        "overflow and vanishing of squares",
        (sp.log,),
        _log_of_squares,
        lambda: (sp.log(X**2 + Q), sp.log((X - Z) ** 2 + P**2 + Q * X**2)),
    ),
    Rule(
        "hypot-minus-side",
        ("value",),
        "cancellation where the other side is small",
        (sp.Add,),
        _hypot_minus_side,
        lambda: (vo.hypot(X, Q) - Q, W * vo.hypot(1, X) - W + Z),
    ),
    Rule(
        "root-minus-constant",
        ("value",),
        "cancellation near s = 0",
        (sp.Add,),
        _root_minus_constant,
        lambda: (sp.sqrt(1 + P) - 1, Q - Q * sp.sqrt(1 + W)),
    ),
    Rule(
        "root-over",
        BOTH,
        "infinity times zero in u / (1 + u**2)",
        (sp.Mul,),
        root_over,
        lambda: (
            X * vo.inv1psq(X),
            T * (X - Z) ** 2 / Q**2 * vo.inv1psq((X - Z) / Q),
            (X - Z) ** 2 * vo.inv1psq((X - Z) / sp.sqrt(Q)),
            X**2 / Q**2 * vo.inv1psq(vo.sqdiv(X, Q)),
        ),
    ),
    Rule(
        "ratio-of-squares",
        ("clean", "value"),
        "overflow and vanishing of the squares",
        (sp.Mul,),
        _ratio_of_squares,
        lambda: (X**2 / Q**2, W * (X - Z) ** 2 / (P**2 * Q)),
    ),
    Rule(
        "square-over",
        ("clean", "value"),
        "overflow and vanishing of the square",
        (sp.Mul,),
        _square_over,
        lambda: (X**2 / Q, (X - Z) ** 2 / (2 * Q), 3 * X**2 * T / (2 * Q), X**2 / 2),
    ),
    Rule(
        "inverse-of-square",
        ("clean",),
        "overflow of the square",
        (sp.Pow,),
        _inverse_of_square,
        lambda: (1 / (1 + X**2), (1 + (X - Z) ** 2 / Q**2) ** -2, 1 / (2 * X**2 + 2 * Q)),
    ),
)
