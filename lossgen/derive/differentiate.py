"""The derivative of an expression by one tensor element.

With free positions, ``derivative(f, x[k])`` is a formula in k: sums over an index collapse on the Kronecker
deltas that elements leave behind. Kinks: Abs, sign and Max(a, 0) give 0 at a tie; Max of two expressions
splits it; a reduction's maximum goes to its first position.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Delta, Detach, Reduction, Where
from lossgen.algebra.tensors import Element, elements
from lossgen.algebra.vocabulary import (
    StableFunction,
    abspow,
    digamma,
    gap,
    log1p,
    logshare,
    quotient,
    signpow,
    xlogy,
)
from lossgen.errors import SpecError


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


class _Differentiator:
    def __init__(self, target: Element, opaque: frozenset[Index] | None) -> None:
        self.target, self.opaque = target, opaque
        self.memo: dict[sp.Expr, sp.Expr] = {}
        self.opened: set[Index] = set()

    def __call__(self, expr: sp.Expr) -> sp.Expr:
        if expr not in self.memo:
            reads = any(one.tensor == self.target.tensor for one in elements(expr))
            self.memo[expr] = self._rule(expr) if reads else sp.S.Zero
        return self.memo[expr]

    def _rule(self, expr: sp.Expr) -> sp.Expr:
        if isinstance(expr, Element):
            return self._element(expr)
        if isinstance(expr, sp.Add):
            return sp.Add(*map(self, expr.args))
        if isinstance(expr, sp.Mul):
            return sp.Add(
                *(
                    sp.Mul(*expr.args[:i], self(arg), *expr.args[i + 1 :])
                    for i, arg in enumerate(expr.args)
                    if self(arg) != 0
                )
            )
        if isinstance(expr, Detach | Delta):
            return sp.S.Zero
        if isinstance(expr, Where):
            test, a, b = expr.args
            return Where(test, self(a), self(b))
        if isinstance(expr, Reduction):
            return self._reduction(expr)
        if isinstance(expr, logshare) and isinstance(expr.args[1], Reduction) and not self.target.positions:
            return share_slope(self, *expr.args)
        return sp.Add(*(factor * self(arg) for arg, factor in partials(expr) if self(arg) != 0))

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


def partials(expr: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]]:
    """Return (argument, partial derivative by it) of a function of plain numbers."""
    if isinstance(expr, sp.Pow):
        base, exponent = expr.args
        found = [(base, exponent * base ** (exponent - 1))]
        return found if exponent.is_number else [*found, (exponent, expr * sp.log(base))]
    if isinstance(expr, sp.log) and isinstance(expr.args[0], sp.Mul):
        return _log_of_product(expr.args[0])
    if isinstance(expr, xlogy) and isinstance(expr.args[1], sp.Mul):
        switch, product = expr.args
        inner = [(arg, Where(sp.Eq(switch, 0), 0, switch * slope)) for arg, slope in _log_of_product(product)]
        return [(switch, expr.fdiff(1)), *inner]
    if isinstance(expr, sp.Abs):
        return [(expr.args[0], sp.sign(expr.args[0]))]
    if isinstance(expr, sp.sign | sp.floor | sp.ceiling | sp.Mod | sp.Heaviside):
        return [(arg, sp.S.Zero) for arg in expr.args]
    if isinstance(expr, sp.Max | sp.Min):
        return _extremum(expr)
    if isinstance(expr, sp.gamma | sp.loggamma):
        # SymPy's polygamma has its order as an argument.
        slope = digamma(expr.args[0])
        return [(expr.args[0], slope if isinstance(expr, sp.loggamma) else expr * slope)]
    if isinstance(expr, sp.Function | StableFunction):
        return [(arg, expr.fdiff(i + 1)) for i, arg in enumerate(expr.args)]
    raise SpecError(
        f"`{type(expr).__name__}` has no derivative here: {expr}",
        fix="write the formula with the functions of lossgen.spec",
    )


def _log_of_product(product: sp.Mul) -> list[tuple[sp.Expr, sp.Expr]]:
    """Factor by factor: the slope of a quotient is a difference of large terms, to be divided again."""
    powers = [factor.as_base_exp() for factor in product.args]
    if not all(exponent.is_number for _, exponent in powers):
        return [(product, 1 / product)]
    return [(base, exponent / base) for base, exponent in powers if not base.is_number]


def _extremum(expr: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]]:
    """Max(a, 0): the strict winner takes all. Max(a, b): a tie is split evenly among those that vary."""
    beats = sp.Gt if isinstance(expr, sp.Max) else sp.Lt
    varying = [arg for arg in expr.args if not arg.is_number]
    found = []
    for arg in varying:
        others = [other for other in expr.args if other != arg]
        strict = sp.And(*(beats(arg, other) for other in others))
        if len(varying) == 2 and len(expr.args) == 2:
            found.append((arg, Where(strict, 1, Where(sp.Eq(*varying), sp.Rational(1, 2), 0))))
        else:
            found.append((arg, Where(strict, sp.S.One, sp.S.Zero)))
    return found


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
