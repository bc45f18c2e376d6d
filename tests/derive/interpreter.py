"""Evaluates a routine by walking its expressions in mpmath: slow, plain, independent of all that lowers."""

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
from lossgen.derive.model import Routine
from lossgen.spec.program import Sort, Sweep

FUNCTIONS = {
    sp.exp: mpmath.exp,
    sp.log: lambda a: mpmath.log(a) if a > 0 else -mpmath.inf,
    sp.Abs: abs,
    sp.sign: mpmath.sign,
    sp.tanh: mpmath.tanh,
    sp.cosh: mpmath.cosh,
    sp.floor: mpmath.floor,
    sp.Max: max,
    sp.Min: min,
    sp.Mod: lambda a, b: a % b,
}


class Interpreter:
    """One run of a routine over one sample."""

    def __init__(self, routine: Routine, inputs: dict[str, np.ndarray[Any, Any]]) -> None:
        self.routine = routine
        self.arrays: dict[str, dict[tuple[int, ...], Any]] = {
            name: {at: mpmath.mpf(float(array[at])) for at in np.ndindex(array.shape)}
            for name, array in inputs.items()
        }
        self.sizes = {
            axis.name: size
            for tensor in routine.inputs
            for axis, size in zip(tensor.axes, inputs[tensor.name].shape, strict=True)
        }
        for axis, length in routine.extents:
            self.sizes[axis.name] = int(self.value(length, {}))

    def run(self) -> tuple[dict[str, dict[tuple[int, ...], Any]], list[Any]]:
        """Return the outputs and the results."""
        if not self.truth(self.routine.keep, {}):
            return {}, [mpmath.mpf(0) for _ in self.routine.results]
        for step in self.routine.steps:
            if isinstance(step, Sort):
                keys = [self.value(step.key, {step.index: i}) for i in range(self.size(step.index.axis))]
                order = sorted(range(len(keys)), key=lambda i: -keys[i] if step.descending else keys[i])
                self.arrays[step.order.name] = {
                    (i,): mpmath.mpf(position) for i, position in enumerate(order)
                }
            else:
                self.sweep(step)
        outputs = {tensor.name: self.arrays.get(tensor.name, {}) for tensor in self.routine.outputs}
        return outputs, [self.value(expr, {}) for expr in self.routine.results]

    def sweep(self, step: Sweep) -> None:
        ranges = [range(self.size(index.axis)) for index in step.indices]
        points = list(itertools.product(*ranges))
        for point in reversed(points) if step.reverse else points:
            at = dict(zip(step.indices, point, strict=True))
            for assign in step.body:
                if not self.truth(assign.guard, at):
                    continue
                array = self.arrays.setdefault(assign.target.tensor.name, {})
                place = tuple(int(self.value(position, at)) for position in assign.target.positions)
                array[place] = self.value(assign.expr, at) + (array.get(place, 0) if assign.add else 0)

    def size(self, axis: Axis) -> int:
        return self.sizes[axis.name] if axis.extent is None else int(self.value(axis.extent, {}))

    def truth(self, condition: Any, at: dict[Index, int]) -> bool:
        if isinstance(condition, sp.And):
            # Conditions on positions come first: they keep the others from reading outside an array.
            return all(
                self.truth(arg, at) for arg in sorted(condition.args, key=lambda arg: arg.has(Element))
            )
        if isinstance(condition, sp.Or):
            return any(self.truth(arg, at) for arg in condition.args)
        if isinstance(condition, sp.Not):
            return not self.truth(condition.args[0], at)
        if condition in (sp.true, sp.false):
            return bool(condition)
        left, right = (self.value(arg, at) for arg in condition.args)
        return bool(
            condition.func(
                sp.Integer(0), sp.Integer(mpmath.sign(right - left)) if left != right else sp.Integer(0)
            )
        )

    def value(self, expr: Any, at: dict[Index, int]) -> Any:
        if isinstance(expr, Index):
            return mpmath.mpf(at[expr])
        if isinstance(expr, Axis):
            return mpmath.mpf(self.size(expr))
        if isinstance(expr, Element):
            place = tuple(int(self.value(position, at)) for position in expr.positions)
            array = self.arrays.get(expr.tensor.name, {})
            return array[place] if expr.tensor.role != "local" else array.get(place, mpmath.mpf(0))
        if isinstance(expr, Where):
            test, a, b = expr.args
            return self.value(a if self.truth(test, at) else b, at)
        if isinstance(expr, Delta):
            return mpmath.mpf(self.value(expr.args[0], at) == self.value(expr.args[1], at))
        if isinstance(expr, Detach):
            return self.value(expr.args[0], at)
        if isinstance(expr, Reduction):
            return self.reduce(expr, at)
        if expr.is_Number or expr.is_NumberSymbol:
            return mpmath.inf * sp.sign(expr) if expr.is_infinite else mpmath.mpf(expr.p) / expr.q
        if isinstance(expr, sp.Add):
            return mpmath.fsum(self.value(arg, at) for arg in expr.args)
        if isinstance(expr, sp.Mul):
            return mpmath.fprod(self.value(arg, at) for arg in expr.args)
        if isinstance(expr, sp.Pow):
            return mpmath.power(self.value(expr.base, at), self.value(expr.exp, at))
        if expr.func in FUNCTIONS:
            return FUNCTIONS[expr.func](*(self.value(arg, at) for arg in expr.args))
        return self.value(exact(expr), at)

    def reduce(self, expr: Reduction, at: dict[Index, int]) -> Any:
        values = [self.value(expr.body, {**at, expr.index: i}) for i in range(self.size(expr.index.axis))]
        if expr.op == "sum":
            return mpmath.fsum(values)
        if expr.op == "lse":
            return mpmath.log(mpmath.fsum(mpmath.exp(value) for value in values))
        if expr.op == "norm":
            power = 2 if expr.power is None else self.value(expr.power, at)
            return mpmath.fsum(abs(value) ** power for value in values) ** (1 / mpmath.mpf(power))
        best = max(values) if expr.op.endswith("max") else min(values)
        return mpmath.mpf(values.index(best)) if expr.op.startswith("arg") else best
