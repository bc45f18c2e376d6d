"""Rules on second derivatives: differences of fractions that nearly cancel."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.stabilize.rule import Q, Rule, W, X, Z
from lossgen.stabilize.terms import take, terms_with


def _bend_of_hypot(expr: sp.Add) -> sp.Expr | None:
    """c/h - c*a**2/h**3 is c*b**2/h**3 for h = hypot(a, b)."""
    if not expr.has(vo.hypot):
        return None
    whole = vo.exact(expr, lambda node: not isinstance(node, vo.sqdiv | vo.quotient))
    for node, c in terms_with(whole, sp.Pow):
        if not isinstance(node.base, vo.hypot) or node.exp != -1:
            continue
        for side, other in (node.base.args, node.base.args[::-1]):
            rest = take(whole, c * node - c * side**2 * node**3)
            if rest is not None:
                return rest + c * vo.quotient(other, node.base) ** 2 * node
    return None


RULES = (
    Rule(
        "bend-of-hypot",
        ("clean",),
        "a slope that is nearly 1 and changes little",
        (sp.Add,),
        _bend_of_hypot,
        lambda: (
            1 / vo.hypot(X, Q) - vo.quotient(X, vo.hypot(X, Q)) ** 2 / vo.hypot(X, Q),
            W / vo.hypot(1, X - Z) - W * (X - Z) ** 2 / vo.hypot(1, X - Z) ** 3 + X,
        ),
    ),
)
