"""Rules on what is left of 1: complements of weighted means, and differences of complements."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Reduction
from lossgen.algebra.tensors import Element
from lossgen.stabilize.facts import is_nonneg, is_nonpos, is_positive
from lossgen.stabilize.rule import N, Q, Rule, S, T, X
from lossgen.stabilize.terms import take, terms_with

BOTH = ("lift", "clean")


def _mean_of_omexp(expr: sp.Add) -> sp.Expr | None:
    """1 - a*exp(u) - b*exp(v) with a + b = 1 and u, v <= 0 is a*omexp(u) + b*omexp(v)."""
    found = [(node.args[0], c) for node, c in terms_with(expr, sp.exp)]
    rest = expr - sp.Add(*(c * sp.exp(u) for u, c in found))
    if len(found) < 2 or not all(is_nonpos(u) for u, _ in found):
        return None
    if sp.expand(rest + sp.Add(*(c for _, c in found))) != 0:
        return None
    return sp.Add(*(-c * vo.omexp(u) for u, c in found))


def _unit_mean(expr: sp.Add) -> sp.Expr | None:
    """A polynomial linear in t of [0, 1] is (1 - t) times its value at 0 plus t times its value at 1.

    Where both are nonnegative nothing is subtracted any more.
    """
    if is_positive(expr) or all(map(is_nonneg, expr.args)) or expr.has(sp.Function, Reduction):
        return None
    for t in sorted(expr.atoms(Element), key=sp.default_sort_key):
        if t.tensor.domain != "unit" or t.tensor.axes:
            continue
        ends = [expr.xreplace({t: end}) for end in (sp.S.Zero, sp.S.One)]
        mean = (1 - t) * ends[0] + t * ends[1]
        # SymPy multiplies out (1 - t) times 1: then something is subtracted still.
        if all(map(is_nonneg, sp.Add.make_args(mean))) and mean != expr and sp.expand(mean - expr) == 0:
            return mean
    return None


def _difference_of_omexp(expr: sp.Add) -> sp.Expr | None:
    """c*omexp(a) - c*omexp(b) is c*exp(b)*omexp(a - b) for a <= b."""
    for node, c in terms_with(expr, vo.omexp):
        for other, _ in terms_with(expr, vo.omexp):
            a, b = node.args[0], other.args[0]
            rest = take(expr, c * node - c * other) if a != b and is_nonpos(a - b) else None
            if rest is not None:
                return rest + c * sp.exp(b) * vo.omexp(a - b)
    return None


RULES = (
    Rule(
        "mean-of-unit",
        BOTH,
        "1 - p losing a small 1 - p of a mixture",
        (sp.Add,),
        _unit_mean,
        lambda: (1 - (1 - S) * T - S / 2, 1 - S * T - (1 - S) * T / 2, S + T - S * T),
    ),
    Rule(
        "mean-of-omexp",
        BOTH,
        "1 - p losing a small 1 - p",
        (sp.Add,),
        _mean_of_omexp,
        lambda: (1 - sp.exp(N) / 2 - sp.exp(-(X**2)) / 2, 1 - T * sp.exp(N) - (1 - T) * sp.exp(-Q)),
    ),
    Rule(
        "difference-of-omexp",
        BOTH,
        "cancellation where both are almost 1",
        (sp.Add,),
        _difference_of_omexp,
        lambda: (vo.omexp(2 * N) - vo.omexp(N), T * vo.omexp(X - Q) - T * vo.omexp(X)),
    ),
)
