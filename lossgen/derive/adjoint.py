"""Reverse derivatives through the stages of a program.

The adjoint of a tensor is the derivative of the whole value by it. Walking the stages backwards, each
assignment adds to the adjoint of everything it reads; reads at computed positions are scattered to, so no
index is ever inverted.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element, Tensor, elements
from lossgen.algebra.vocabulary import gap, logshare
from lossgen.derive.differentiate import derivative
from lossgen.spec.program import Assign, Sort, Stage, Sweep


class Adjoints:
    """Adjoint sweeps of a program, collected while walking it backwards.

    Parameters
    ----------
    wanted : dict
        Input tensor -> output tensor that receives its derivative.
    """

    def __init__(self, wanted: dict[Tensor, Tensor]) -> None:
        self.bars = dict(wanted)
        self.steps: list[Stage] = []

    def seed(self, total: sp.Expr, tensors: Sequence[Tensor]) -> None:
        """Add the derivative of `total` by each of `tensors` (inputs wanted and locals)."""
        for tensor in tensors:
            reads = [one for one in elements(total) if one.tensor == tensor]
            if not reads:
                continue
            bound = {node.index for node in total.atoms(Reduction)}
            if all(_plain(one, bound) for one in reads):
                indices = _indices(tensor)
                bar = Element(self._bar(tensor), *indices)
                self._add(indices, [(bar, derivative(total, Element(tensor, *indices)))])
            else:
                self._scatter((), [(total, sp.S.One)], [tensor], reverse=False)

    def through(self, stages: Sequence[Stage]) -> None:
        """Walk `stages` backwards."""
        for stage in reversed(stages):
            if isinstance(stage, Sort):
                continue
            for assign in reversed(stage.body):
                if assign.target.tensor not in self.bars:
                    continue
                bar = Element(self.bars[assign.target.tensor], *assign.target.positions)
                inside = assign.target.tensor
                expr, bar = self._shares(stage, assign, bar) or (assign.expr, bar)
                reads = {one.tensor for one in elements(expr)}
                if inside in reads:
                    self._scatter(stage.indices, [(expr, bar)], [inside], reverse=True)
                others = [t for t in sorted(reads, key=str) if t != inside and self._differentiable(t)]
                self._scatter(stage.indices, [(expr, bar)], others, reverse=False)

    def _shares(self, stage: Sweep, assign: Assign, bar: Element) -> tuple[sp.Expr, sp.Expr] | None:
        """For a stage of shares, exp(part) / sum(exp(part)), return (part, adjoint of the part).

        That is share * (bar - mean of the bars), and where one share is almost 1 the mean is almost its bar:
        bars are taken relative to that of the largest part (see `share_slope`).
        """
        share = assign.expr.args[0] if isinstance(assign.expr, sp.exp) else None
        if not isinstance(share, logshare) or not isinstance(share.args[1], Reduction):
            return None
        part, total = share.args
        index = next((i for i in stage.indices if total.at(i) == part), None)
        if index is None or index in total.free_symbols or assign.guard != sp.true:
            return None
        around = tuple(i for i in stage.indices if i != index)
        name, axes = assign.target.tensor.name, tuple(i.axis for i in around)
        largest = Element(Tensor(f"largest_{name}", axes, "int"), *around)
        mean = Element(Tensor(f"mean_bar_{name}", axes), *around)
        other, body = total.open()
        relative = gap(bar, bar.xreplace({index: largest}))
        weighed = (assign.target * relative).xreplace({index: other})
        self.steps += [
            Sweep(around, (Assign(largest, Reduction("argmax", body, other)),)),
            Sweep(around, (Assign(mean, Reduction("sum", weighed, other)),)),
        ]
        return part, assign.target * (relative - mean)

    def _differentiable(self, tensor: Tensor) -> bool:
        return tensor in self.bars or (tensor.role == "local" and tensor.dtype == "float")

    def _bar(self, tensor: Tensor) -> Tensor:
        if tensor not in self.bars:
            self.bars[tensor] = Tensor(f"bar_{tensor.name}", tensor.axes)
        return self.bars[tensor]

    def _scatter(
        self,
        indices: tuple[Index, ...],
        sources: Sequence[tuple[sp.Expr, sp.Expr]],
        tensors: Sequence[Tensor],
        reverse: bool,
    ) -> None:
        by_loops: dict[tuple[Index, ...], list[Assign]] = {}
        for expr, bar in sources:
            for tensor in tensors:
                for pattern, extra in _patterns(expr, tensor, indices):
                    factor = derivative(expr, pattern, frozenset(extra))
                    guard, factor = _split_guard(factor)
                    if factor == 0:
                        continue
                    target = Element(self._bar(tensor), *pattern.positions)
                    by_loops.setdefault(indices + extra, []).append(Assign(target, bar * factor, True, guard))
        if reverse and len(by_loops) > 1:
            # A recurrence's own adjoint must be complete before it is read, so all additions to it share one
            # nest of loops.
            longest = max(by_loops, key=len)
            merged = list(by_loops.pop(longest))
            for loops, assigns in by_loops.items():
                once = sp.And(*(sp.Eq(extra, 0) for extra in longest if extra not in loops))
                merged += [Assign(a.target, a.expr, True, sp.And(a.guard, once)) for a in assigns]
            by_loops = {longest: merged}
        for loops, assigns in by_loops.items():
            self.steps.append(Sweep(loops, tuple(assigns), reverse=reverse))

    def _add(self, indices: tuple[Index, ...], pairs: Sequence[tuple[Element, sp.Expr]]) -> None:
        self.steps.append(Sweep(indices, tuple(Assign(target, expr, True) for target, expr in pairs)))


def _plain(one: Element, bound: set[Index]) -> bool:
    """Whether sums over `bound` collapse in the derivative by this entry: each position is an index itself,
    or is looked up at indices that are positions too or that are not summed over.
    """
    pinned = {position for position in one.positions if isinstance(position, Index)}
    return all(
        position in pinned
        or (isinstance(position, Element) and not (position.free_symbols & (bound - pinned)))
        for position in one.positions
    )


def _indices(tensor: Tensor) -> tuple[Index, ...]:
    """Indices over a tensor's axes, named by axis."""
    return free_indices(tuple(tensor.axes))


def free_indices(axes: Sequence[sp.Expr], taken: Sequence[Index] = ()) -> tuple[Index, ...]:
    """Return one index for each axis, with names that depend on the axes (and on the names taken) alone."""
    names = {index.name for index in taken}
    found: list[Index] = []
    for axis in axes:
        stem, number = axis.name.lower(), 1
        while (name := stem if number == 1 else f"{stem}{number}") in names:
            number += 1
        names.add(name)
        found.append(Index(name, axis))
    return tuple(found)


def _patterns(
    expr: sp.Expr, tensor: Tensor, taken: tuple[Index, ...]
) -> list[tuple[Element, tuple[Index, ...]]]:
    """Return the distinct ways in which `expr` reads `tensor`, indices bound by reductions replaced by new
    free ones.
    """
    bound = {node.index for node in expr.atoms(Reduction)}
    found: dict[Element, tuple[Index, ...]] = {}
    for one in sorted((e for e in elements(expr) if e.tensor == tensor), key=sp.default_sort_key):
        inner = sorted({i for position in one.positions for i in position.free_symbols & bound}, key=str)
        extra = free_indices([index.axis for index in inner], taken)
        found[one.xreplace(dict(zip(inner, extra, strict=True)))] = extra
    return list(found.items())


def _split_guard(expr: sp.Expr) -> tuple[Boolean, sp.Expr]:
    """Return (condition, e) with `expr` = e where the condition holds and 0 elsewhere."""
    if isinstance(expr, Where) and expr.args[2] == 0:
        inner, e = _split_guard(expr.args[1])
        return sp.And(expr.args[0], inner), e
    if isinstance(expr, Where) and expr.args[1] == 0:
        inner, e = _split_guard(expr.args[2])
        return sp.And(sp.Not(expr.args[0]), inner), e
    if isinstance(expr, sp.Mul):
        parts = [_split_guard(arg) for arg in expr.args]
        return sp.And(*(guard for guard, _ in parts)), sp.Mul(*(e for _, e in parts))
    return sp.true, expr
