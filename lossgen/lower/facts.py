"""What is known about a routine before its statements are placed: uses of shared terms, and loads that
always happen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import sympy as sp

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element, Tensor
from lossgen.algebra.vocabulary import log1p, sigmoid, softplus
from lossgen.derive.model import Routine
from lossgen.lower.indices import Indices
from lossgen.spec.model import Sort


def indices_of(expr: sp.Basic) -> set[Index]:
    """Return the free loop variables."""
    return {symbol for symbol in expr.free_symbols if isinstance(symbol, Index)}


def is_gather(element: sp.Basic) -> bool:
    """Tell a load at a computed position, which may be out of range where its result is not wanted."""
    return isinstance(element, Element) and not all(_in_range(position) for position in element.positions)


def _in_range(position: sp.Expr) -> bool:
    """Loop variables are in range, and so are class indices, which have been checked before a kernel runs,
    and the place of an extremum: along an empty axis nothing is read there.
    """
    checked = isinstance(position, Element) and position.tensor.role == "class"
    extreme = isinstance(position, Reduction) and position.op.startswith("arg")
    return isinstance(position, Index) or checked or extreme or bool(position == 0)


def _bounds(condition: sp.Basic, lowest: dict[Index, int]) -> dict[Index, int]:
    """Return `lowest` with what a condition like ``t >= 1`` says about loop variables."""
    known = dict(lowest)
    for part in condition.args if isinstance(condition, sp.And) else (condition,):
        if isinstance(part, sp.Ge | sp.Gt) and isinstance(part.args[0], Index) and part.args[1].is_Integer:
            index, bound = part.args[0], int(part.args[1]) + isinstance(part, sp.Gt)
            known[index] = max(bound, known.get(index, 0))
    return known


def _bounded(element: Element, lowest: dict[Index, int]) -> bool:
    """Tell whether all positions are in range, of the form ``index - k`` with an index that is known to be
    at least k.
    """
    for position in element.positions:
        offset, index = position.as_coeff_Add()
        back = isinstance(index, Index) and offset.is_Integer and 0 <= -offset <= lowest.get(index, 0)
        if not (back or _in_range(position)):
            return False
    return True


def is_plain(element: Element) -> bool:
    """Tell a load at loop variables only."""
    return all(isinstance(position, Index) for position in element.positions)


def depends_on_axis(axis: Axis, bounded: frozenset[Axis]) -> bool:
    """Tell whether the extent of `axis` is that of a bounded axis or computed from one."""
    return axis in bounded or (axis.extent is not None and bool(axis.extent.free_symbols & bounded))


def tail(expr: sp.Expr) -> sp.Expr:
    """Return exp(-|u|) for softplus(u) and sigmoid(u): where several of them meet, u or -u, it is computed
    once.
    """
    return sp.exp(-sp.Abs(expr.args[0]))


class Facts:
    """Counts and sets over all expressions of a routine whose indices have their final names."""

    def __init__(self, routine: Routine, indices: Indices) -> None:
        self.indices = indices
        self.bounded = frozenset(axis for axis, _ in routine.extents)
        self.uses: Counter[sp.Basic] = Counter()
        self._seen: set[sp.Basic] = set()
        self._safe: dict[sp.Basic, bool] = {}
        for root in _roots(routine):
            self.uses[root] += 1
            self._count(root)
        self.always = self._always(routine)

    def children(self, expr: sp.Basic) -> tuple[sp.Basic, ...]:
        """Return the parts of an expression, a reduction's body written with its loop variable."""
        if isinstance(expr, Reduction):
            return (self.indices.open(expr)[1],)
        if isinstance(expr, softplus):
            return (*expr.args, log1p(tail(expr)))
        if isinstance(expr, sigmoid):
            return (*expr.args, tail(expr))
        return tuple(arg for arg in expr.args if not isinstance(arg, Tensor))

    def _count(self, expr: sp.Basic) -> None:
        if expr in self._seen:
            return
        self._seen.add(expr)
        for child in self.children(expr):
            self.uses[child] += 1
            self._count(child)

    def safe(self, expr: sp.Basic) -> bool:
        """Tell whether `expr` may be evaluated outside the branch that asks for it."""
        if expr not in self._safe:
            self._safe[expr] = self._risky(expr, {}) <= self.always
        return self._safe[expr]

    def _risky(self, expr: sp.Basic, lowest: dict[Index, int]) -> set[sp.Basic]:
        """Return the loads at computed positions that may be out of range; `lowest` bounds indices where a
        condition holds.
        """
        if isinstance(expr, Where):
            condition, a, b = expr.args
            known = _bounds(condition, lowest)
            return self._risky(condition, lowest) | self._risky(a, known) | self._risky(b, lowest)
        found = {expr} if is_gather(expr) and not _bounded(expr, lowest) else set()
        for child in self.children(expr):
            found |= self._risky(child, lowest)
        return found

    def _always(self, routine: Routine) -> frozenset[sp.Basic]:
        """Loads at computed positions that happen for every kept sample, whatever its branches decide."""
        found: set[sp.Basic] = set()
        for expr in routine.results:
            found |= self._unconditional(expr)
        for stage in routine.steps:
            if isinstance(stage, Sort):
                found |= self._unconditional(stage.key)
            elif not any(depends_on_axis(index.axis, self.bounded) for index in stage.indices):
                for assign in stage.body:
                    found |= self._unconditional(assign.guard)
                    if assign.guard == sp.true:
                        found |= self._unconditional(assign.expr)
        return frozenset(found)

    def _unconditional(self, expr: sp.Basic) -> set[sp.Basic]:
        if isinstance(expr, Where):
            condition, a, b = expr.args
            return self._unconditional(condition) | (self._unconditional(a) & self._unconditional(b))
        if isinstance(expr, Reduction) and depends_on_axis(expr.index.axis, self.bounded):
            return set()
        found = {expr} if is_gather(expr) else set()
        for child in self.children(expr):
            found |= self._unconditional(child)
        return found


def _roots(routine: Routine) -> Iterator[sp.Basic]:
    for stage in routine.steps:
        if isinstance(stage, Sort):
            yield stage.key
        else:
            for assign in stage.body:
                yield from (assign.expr, assign.guard)
    yield from routine.results
