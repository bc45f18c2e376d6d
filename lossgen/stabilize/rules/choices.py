"""Rules on `Where` and on sums over an axis: keep choices flat and loops small."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra.nodes import Reduction, Where
from lossgen.stabilize.rule import AXIS, I, Rule, T, V, W, X, Z
from lossgen.stabilize.terms import open_body

BOTH = ("lift", "clean")
POSITIVE = sp.Gt(X, 0)
_MIRRORED = {sp.Lt: sp.Gt, sp.Gt: sp.Lt, sp.Le: sp.Ge, sp.Ge: sp.Le}


def resolve(expr: sp.Basic, condition: sp.Basic, truth: bool) -> sp.Basic:
    """Return `expr` with every choice by `condition` decided."""
    if not expr.has(Where):
        return expr
    if isinstance(expr, Where):
        decided = truth if expr.args[0] == condition else None
        if decided is None and expr.args[0] == sp.Not(condition):
            decided = not truth
        if decided is not None:
            return resolve(expr.args[1 if decided else 2], condition, truth)
    return expr.func(*(resolve(arg, condition, truth) for arg in expr.args))


def _nested(expr: Where) -> sp.Expr | None:
    condition, first, second = expr.args
    new = Where(condition, resolve(first, condition, True), resolve(second, condition, False))
    return None if new == expr else new


def _merge(expr: sp.Add | sp.Mul) -> sp.Expr | None:
    """Merge the choices of one sum or product that share their condition."""
    groups: dict[sp.Basic, list[sp.Expr]] = {}
    for arg in expr.args:
        part, scale = _choice(arg) if isinstance(expr, sp.Add) else (arg, sp.S.One)
        if isinstance(part, Where):
            groups.setdefault(part.args[0], []).append(
                Where(part.args[0], scale * part.args[1], scale * part.args[2])
            )
    for condition, members in groups.items():
        if len(members) > 1:
            rest = [arg for arg in expr.args if _condition(arg, expr) != condition]
            branches = (
                expr.func(*(resolve(m, condition, truth) for m in members)) for truth in (True, False)
            )
            return expr.func(Where(condition, *branches), *rest)
    return None


def _choice(term: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Split a term into its single choice and the factor before it."""
    parts = sp.Mul.make_args(term)
    found = [part for part in parts if isinstance(part, Where)]
    if len(found) != 1:
        return term, sp.S.One
    return found[0], sp.Mul(*(part for part in parts if part != found[0]))


def _condition(arg: sp.Expr, expr: sp.Expr) -> sp.Basic | None:
    part = _choice(arg)[0] if isinstance(expr, sp.Add) else arg
    return part.args[0] if isinstance(part, Where) else None


def _relation(expr: sp.Rel) -> sp.Basic | None:
    """Max(a, 0) < 1 is a < 1, and 1 - a < 1 is a > 0: a rounded 1 - a may be 1 although a is not 0."""
    left, right = expr.args
    for bound, kinds in ((sp.Max, (sp.Lt, sp.Le)), (sp.Min, (sp.Gt, sp.Ge))):
        for side, relations in ((left, kinds), (right, tuple(_MIRRORED[kind] for kind in kinds))):
            if isinstance(side, bound) and isinstance(expr, relations):
                other = right if side is left else left
                parts = [expr.func(*((p, other) if side is left else (other, p))) for p in side.args]
                return sp.And(*parts)
    for side, other in ((left, right), (right, left)):
        constant, rest = side.as_coeff_Add()
        if other.is_number and constant == other and other != 0 and rest != 0:
            return expr.func(*((rest, sp.S.Zero) if side is left else (sp.S.Zero, rest)))
    return None


def _constant_factor(expr: Reduction) -> sp.Expr | None:
    if expr.op != "sum" or not isinstance(expr.body, sp.Mul):
        return None
    outside = [factor for factor in expr.body.args if expr.index not in factor.free_symbols]
    if not outside:
        return None
    index, _ = open_body(expr)
    inside = sp.Mul(*(factor for factor in expr.body.args if expr.index in factor.free_symbols))
    return sp.Mul(*outside) * Reduction("sum", inside.xreplace({expr.index: index}), index)


RULES = (
    Rule(
        "choice-inside-choice",
        BOTH,
        "a condition asked again inside its own branch",
        (Where,),
        _nested,
        lambda: (
            Where(POSITIVE, Where(POSITIVE, X, Z) + T, Z),
            Where(POSITIVE, X, T * Where(POSITIVE, X, Z)),
        ),
    ),
    Rule(
        "merge-choices",
        ("clean",),
        "several branches on one condition",
        (sp.Add, sp.Mul),
        _merge,
        lambda: (
            Where(POSITIVE, X, Z) + T * Where(POSITIVE, Z, 0) + W,
            Where(POSITIVE, X, Z) * Where(POSITIVE, Z, 1),
        ),
    ),
    Rule(
        "relation",
        ("clean",),
        "a tie that only rounding makes",
        (sp.Gt, sp.Ge, sp.Lt, sp.Le),
        _relation,
        lambda: (sp.Lt(sp.Max(0, X), 1), sp.Lt(1 - X * Z, 1), sp.Ge(2, 2 + X)),
    ),
    Rule(
        "factor-out-of-sum",
        BOTH,
        "a multiplication repeated at every step of a loop",
        (Reduction,),
        _constant_factor,
        lambda: (Reduction("sum", X * V[I], I), Reduction("sum", -W * sp.exp(V[I]) / AXIS, I)),
    ),
)
