"""A second evaluator that shares nothing with the oracle: it walks the expression tree in mpmath."""

from __future__ import annotations

import itertools
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Delta, Detach, Reduction, Where
from lossgen.algebra.tensors import Element
from lossgen.algebra.vocabulary import exact
from lossgen.oracle.evaluate import Case
from lossgen.oracle.source import axes_of
from lossgen.spec.model import Program, Sort

_PLAIN = {
    sp.exp: mpmath.exp,
    sp.Abs: abs,
    sp.tanh: mpmath.tanh,
    sp.cosh: mpmath.cosh,
    sp.sign: mpmath.sign,
    sp.Max: max,
    sp.Min: min,
    sp.floor: lambda a: mpmath.mpf(int(mpmath.floor(a))),
    sp.Mod: lambda a, b: a % b,
}
_RELATIONS = {
    sp.StrictLessThan: lambda a, b: a < b,
    sp.LessThan: lambda a, b: a <= b,
    sp.StrictGreaterThan: lambda a, b: a > b,
    sp.GreaterThan: lambda a, b: a >= b,
    sp.Eq: lambda a, b: a == b,
    sp.Ne: lambda a, b: a != b,
}


class Walk:
    """Values of one program at one sample, at the current mpmath precision."""

    def __init__(self, program: Program, case: Case, changed: dict[Any, Any] | None = None) -> None:
        self.program = program
        # What is detached keeps the value it has where nothing is changed.
        self.fixed = self
        if changed:
            self.fixed = Walk(program, case)
            self.fixed.total()
        self.data: dict[str, dict[tuple[int, ...], Any]] = {}
        self.sizes: dict[str, int] = {}
        for tensor in program.inputs:
            array = np.asarray(case.inputs[tensor.name])
            self.data[tensor.name] = {p: mpmath.mpf(array[p].item()) for p in np.ndindex(array.shape)}
            self.sizes |= dict(zip((axis.name for axis in tensor.axes), array.shape, strict=True))
        for (name, position), value in (changed or {}).items():
            self.data[name][position] = value
        for axis, element in program.extents:
            self.sizes[axis.name] = int(self(element, {}))
        for axis in axes_of(program):
            if axis.extent is not None:
                self.sizes[axis.name] = int(self(axis.extent, {}))

    def total(self) -> Any:
        """Return the sum of all items of all terms, with their coefficients."""
        if any(not term.items and not self(term.keep, {}) for term in self.program.terms):
            return mpmath.mpf(0)
        for stage in self.program.stages:
            self._stage(stage)
        total = mpmath.mpf(0)
        for term in self.program.terms:
            for place in self._places(term.items):
                if self(term.keep, place):
                    total += self(term.coefficient, {}) * self(exact(term.value), place)
        return total

    def _places(self, indices: Any, reverse: bool = False) -> Any:
        ranges = [range(self.sizes[index.axis.name]) for index in indices]
        for position in itertools.product(*(reversed(r) if reverse else r for r in ranges)):
            yield dict(zip(indices, position, strict=True))

    def _stage(self, stage: Any) -> None:
        if isinstance(stage, Sort):
            keys = [self(stage.key, {stage.index: i}) for i in range(self.sizes[stage.index.axis.name])]
            order = sorted(range(len(keys)), key=lambda i: -keys[i] if stage.descending else keys[i])
            self.data[stage.order.name] = {(p,): mpmath.mpf(o) for p, o in enumerate(order)}
            return
        for place in self._places(stage.indices, stage.reverse):
            for assign in stage.body:
                if self(assign.guard, place):
                    target = self.data.setdefault(assign.target.tensor.name, {})
                    position = tuple(int(self(p, place)) for p in assign.target.positions)
                    before = target.get(position, mpmath.mpf(0)) if assign.add else 0
                    target[position] = before + self(exact(assign.expr), place)

    def __call__(self, expr: Any, place: dict[Index, int]) -> Any:
        if isinstance(expr, Index):
            return mpmath.mpf(place[expr])
        if isinstance(expr, Axis):
            return mpmath.mpf(self.sizes[expr.name])
        if isinstance(expr, sp.Rational):
            return mpmath.mpf(expr.p) / expr.q
        if isinstance(expr, Element):
            return self.data[expr.tensor.name][tuple(int(self(p, place)) for p in expr.positions)]
        if isinstance(expr, Where):
            return self(expr.args[1] if self(expr.args[0], place) else expr.args[2], place)
        if isinstance(expr, Reduction):
            return self._reduce(expr, place)
        if isinstance(expr, sp.And):
            return self._all(expr.args, place)
        if expr in (sp.true, sp.false):
            return bool(expr)
        if isinstance(expr, Detach) and self.fixed is not self:
            return self.fixed(expr.args[0], place)
        args = [self(arg, place) for arg in expr.args]
        if isinstance(expr, sp.Or):
            return any(args)
        if isinstance(expr, sp.Not):
            return not args[0]
        if isinstance(expr, Delta):
            return mpmath.mpf(args[0] == args[1])
        if isinstance(expr, Detach):
            return args[0]
        if isinstance(expr, sp.Add):
            return mpmath.fsum(args) if all(map(mpmath.isfinite, args)) else sum(args)
        if isinstance(expr, sp.Mul):
            return mpmath.fprod(args)
        if isinstance(expr, sp.Pow):
            return args[0] ** (int(args[1]) if args[1] == int(args[1]) else args[1])
        if isinstance(expr, sp.log):
            return mpmath.log(args[0]) if args[0] else mpmath.mpf("-inf")
        if type(expr) in _RELATIONS:
            return _RELATIONS[type(expr)](*args)
        return _PLAIN[type(expr)](*args)

    def _all(self, args: Any, place: dict[Index, int]) -> bool:
        # Conditions on positions first: the others may read out of range where those fail.
        return all(self(arg, place) for arg in sorted(args, key=lambda arg: bool(arg.atoms(Element))))

    def _reduce(self, expr: Reduction, place: dict[Index, int]) -> Any:
        terms = [self(expr.body, {**place, expr.index: i}) for i in range(self.sizes[expr.index.axis.name])]
        if expr.op == "sum":
            return mpmath.fsum(terms)
        if expr.op in ("max", "min"):
            return max(terms) if expr.op == "max" else min(terms)
        if expr.op in ("argmax", "argmin"):
            return mpmath.mpf(terms.index(max(terms) if expr.op == "argmax" else min(terms)))
        if expr.op == "lse":
            return mpmath.log(mpmath.fsum(map(mpmath.exp, terms)))
        return mpmath.sqrt(mpmath.fsum(term * term for term in terms))


def value(program: Program, case: Case, digits: int) -> Any:
    """Return the total at a sample."""
    with mpmath.workdps(digits):
        return Walk(program, case).total()


def slope(program: Program, case: Case, place: Any, digits: int) -> Any:
    """Return a first derivative as a central difference with a step far below an ulp."""
    with mpmath.workdps(digits):
        step = mpmath.mpf(10) ** (-digits // 4)
        start = mpmath.mpf(case.inputs[place[0]][place[1]].item())
        ends = [Walk(program, case, {place: start + sign * step}).total() for sign in (1, -1)]
        return (ends[0] - ends[1]) / (2 * step)


def mixed(program: Program, case: Case, place: Any, tangent: Any, digits: int) -> Any:
    """Return the mixed derivative by an entry and along a direction, by differences."""
    with mpmath.workdps(digits):
        step = mpmath.mpf(10) ** (-digits // 4)
        total = mpmath.mpf(0)
        for along, by in itertools.product((1, -1), repeat=2):
            changed: dict[Any, Any] = {}
            for entry, factor in tangent:
                changed[entry] = mpmath.mpf(
                    case.inputs[entry[0]][entry[1]].item()
                ) + along * step * mpmath.mpf(factor)
            start = changed.get(place, mpmath.mpf(case.inputs[place[0]][place[1]].item()))
            changed[place] = start + by * step
            total += along * by * Walk(program, case, changed).total()
        return total / (4 * step * step)
