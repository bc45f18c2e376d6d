"""Names for what a formula says more than once, so that a reader sees it once."""

from __future__ import annotations

from collections import Counter

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Reduction
from lossgen.algebra.tensors import Element, Tensor
from lossgen.backends.latex.printer import latex

__all__ = ["named"]

# Letters that a name must save, and the names of one derivation at most.
_WORTH = 70
_MOST = 6


def named(exprs: list[sp.Expr]) -> tuple[list[tuple[Tensor, sp.Expr]], list[sp.Expr]]:
    """Return definitions, each before what reads it, and the expressions written with them."""
    found: list[tuple[Tensor, sp.Expr]] = []
    for number in range(1, _MOST + 1):
        best = _longest([expr for _, expr in found] + exprs)
        if best is None:
            break
        name = Tensor(f"u#{number}")
        found = [(other, expr.xreplace({best: name[()]})) for other, expr in found]
        exprs = [expr.xreplace({best: name[()]}) for expr in exprs]
        found.append((name, best))
    return _ordered(found), exprs


def _longest(exprs: list[sp.Expr]) -> sp.Expr | None:
    """Return what costs most letters by being repeated."""
    counts: Counter[sp.Expr] = Counter()
    for expr in exprs:
        counts.update(node for node in sp.preorder_traversal(expr) if _nameable(node))
    worth = {node: (count - 1) * len(latex(node)) for node, count in counts.items() if count > 1}
    best = max(worth, key=lambda node: (worth[node], latex(node)), default=None)
    return best if best is not None and worth[best] >= _WORTH else None


def _nameable(node: sp.Basic) -> bool:
    """Whether it is a quantity of its own: bound indices mean nothing outside their sum."""
    if not isinstance(node, sp.Expr) or isinstance(node, Boolean | Element) or not node.args:
        return False
    if node.could_extract_minus_sign() or not (len(node.atoms(Element)) > 1 or node.has(Reduction)):
        return False
    return not any(isinstance(one, Index) and one.height is not None for one in node.free_symbols)


def _ordered(found: list[tuple[Tensor, sp.Expr]]) -> list[tuple[Tensor, sp.Expr]]:
    """Sort definitions so that none reads a later one."""
    ready: list[tuple[Tensor, sp.Expr]] = []
    left = list(found)
    while left:
        names = {name for name, _ in left}
        free = next(one for one in left if not names & one[1].atoms(Tensor))
        ready.append(free)
        left.remove(free)
    return ready
