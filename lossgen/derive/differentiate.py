"""The derivative of an expression by one tensor element.

With free positions, ``derivative(f, x[k])`` is a formula in k: sums over an index collapse on the Kronecker
deltas that elements leave behind. Kinks: Abs, sign and Max(a, 0) give 0 at a tie; Max of two expressions
splits it; a reduction's maximum goes to its first position.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Delta, Reduction, Where
from lossgen.algebra.tensors import Element, elements
from lossgen.algebra.vocabulary import abspow, gap, log1p, logshare, quotient, signpow, xlogy
from lossgen.derive.slope import Slope


def derivative(expr: sp.Expr, target: Element, opaque: frozenset[Index] | None = None) -> sp.Expr:
    """Return d `expr` / d `target`.

    Parameters
    ----------
    target : Element
        Its positions may be free indices that occur nowhere in `expr`.
    opaque : frozenset of Index, optional
        If given, elements count as the target only where their positions are the same expressions; the
        indices in it match any index bound by a reduction. Two reads that may coincide then have separate
        derivatives, which are to be added up by position.
    """
    return _Differentiator(target, opaque)(expr)


class _Differentiator(Slope):
    def __init__(self, target: Element, opaque: frozenset[Index] | None) -> None:
        super().__init__()
        self.target, self.opaque = target, opaque
        self.opened: set[Index] = set()

    def _moves(self, expr: sp.Expr) -> bool:
        return any(one.tensor == self.target.tensor for one in elements(expr))

    def _special(self, expr: sp.Expr) -> sp.Expr | None:
        if isinstance(expr, logshare) and isinstance(expr.args[1], Reduction) and not self.target.positions:
            return share_slope(self, *expr.args)
        return None

    def _element(self, expr: Element) -> sp.Expr:
        if expr.tensor != self.target.tensor:
            return sp.S.Zero
        pairs = list(zip(expr.positions, self.target.positions, strict=True))
        if self.opaque is None:
            return sp.Mul(*(Delta(p, q) for p, q in pairs))
        matches = [self._match(p, q) for p, q in pairs]
        found = [delta for delta in matches if delta is not None]
        return sp.Mul(*set(found)) if len(found) == len(matches) else sp.S.Zero

    def _match(self, position: sp.Expr, wanted: sp.Expr) -> sp.Expr | None:
        """Return the delta under which an opened position is the wanted one, or None."""
        if position == wanted:
            return sp.S.One
        for free in sorted(wanted.free_symbols & (self.opaque or frozenset()), key=str):
            for bound in sorted(self.opened & position.free_symbols, key=str):
                if position.xreplace({bound: free}) == wanted:
                    return Delta(bound, free)
        return None

    def _reduction(self, expr: Reduction) -> sp.Expr:
        index, body = expr.open()
        self.opened.add(index)
        if expr.op == "sum":
            return collapse_sum(self(body), index)
        if expr.op == "lse":
            return collapse_sum(sp.exp(logshare(body, expr)) * self(body), index)
        if expr.op == "norm":
            slope = collapse_sum(Where(sp.Eq(expr, 0), 0, norm_slope(body, expr)) * self(body), index)
            return slope if expr.power is None else slope + power_slope(expr) * self(expr.power)
        if expr.op in ("max", "min"):
            first = Reduction(f"arg{expr.op}", body, index)
            inner = self(body)
            return inner.xreplace({index: first}) if index in inner.free_symbols else inner
        return sp.S.Zero


def norm_slope(part: sp.Expr, norm: Reduction) -> sp.Expr:
    """Return the derivative of a norm that is not 0 by one of its parts."""
    share = quotient(part, norm)
    return share if norm.power is None else signpow(share, norm.power - 1)


def power_slope(norm: Reduction) -> sp.Expr:
    """Return the derivative of a norm by its power.

    Logarithms are taken relative to the largest part, which then contributes exactly nothing: all that is
    added up has one sign.
    """
    index, body = norm.open()
    largest = Reduction("max", sp.Abs(body), index)
    relative = quotient(body, largest)
    inside = xlogy(abspow(quotient(body, norm), norm.power), sp.Abs(relative))
    other = Where(sp.Eq(index, Reduction("argmax", sp.Abs(body), index)), 0, abspow(relative, norm.power))
    spread = log1p(Reduction("sum", other, index)) / norm.power
    return Where(sp.Eq(norm, 0), 0, norm / norm.power * (Reduction("sum", inside, index) - spread))


def share_slope(slope: Callable[[sp.Expr], sp.Expr], part: sp.Expr, total: Reduction) -> sp.Expr:
    """Return the slope of ``part - lse``: that of the part, less the mean slope weighted by the shares.

    Both are taken relative to the slope of the largest part. The shares add up to 1, so nothing changes
    exactly; but where one share is almost 1 the mean is almost that part's slope, and their difference
    would lose every digit.
    """
    index, body = total.open()
    moved = slope(body)
    if index not in moved.free_symbols:
        return slope(part) - moved
    largest = moved.xreplace({index: Reduction("argmax", body, index)})
    mean = Reduction("sum", sp.exp(logshare(body, total)) * gap(moved, largest), index)
    return gap(slope(part), largest) - mean


def collapse_sum(expr: sp.Expr, index: Index) -> sp.Expr:
    """Return the sum of `expr` over `index`, Kronecker deltas in that index resolved.

    ``sum_j (e0 + delta(j, k) (e1 - e0)) = sum_j e0 + (e1 - e0) at k``, where e0 and e1 are the expression at
    delta = 0 and 1; this holds for deltas anywhere in the expression, inside branches too.
    """
    if expr == 0:
        return sp.S.Zero
    if isinstance(expr, sp.Add):
        return sp.Add(*(collapse_sum(arg, index) for arg in expr.args))
    deltas = sorted(
        (d for d in expr.atoms(Delta) if index in d.free_symbols and index in d.args), key=sp.default_sort_key
    )
    if not deltas:
        factors = sp.Mul.make_args(expr)
        outside = [f for f in factors if index not in f.free_symbols]
        inside = [f for f in factors if index in f.free_symbols]
        return sp.Mul(*outside) * Reduction("sum", sp.Mul(*inside), index)
    delta = deltas[0]
    position = next(arg for arg in delta.args if arg != index)
    off, on = expr.xreplace({delta: sp.S.Zero}), expr.xreplace({delta: sp.S.One})
    return collapse_sum(off, index) + (on - off).xreplace({index: position})
