"""Runs programs and routines on one sample, a loop at a time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from lossgen.algebra.axes import Axis
from lossgen.algebra.tensors import Tensor
from lossgen.derive.model import Routine
from lossgen.spec.model import Program, Sort, Stage, Sweep
from tests.stabilize.evaluate import Arithmetic, evaluate


def run_program(program: Program, values: Mapping[str, Any], arithmetic: Arithmetic) -> list[Any]:
    """Return the value of every item of every term."""
    state = _run(program.stages, (), values, arithmetic)
    return [
        evaluate(term.value, state, arithmetic, **bound)
        for term in program.terms
        for bound in _nest(term.items, state, False)
    ]


def run_routine(routine: Routine, values: Mapping[str, Any], arithmetic: Arithmetic) -> dict[str, Any]:
    """Return the outputs by name, and the results."""
    state = _run(routine.steps, routine.outputs, values, arithmetic)
    outputs = {tensor.name: state[tensor.name] for tensor in routine.outputs}
    return outputs | {"results": [evaluate(e, state, arithmetic) for e in routine.results]}


def _run(
    stages: Sequence[Stage], outputs: Sequence[Tensor], values: Mapping[str, Any], arithmetic: Arithmetic
) -> dict[str, Any]:
    state = dict(values)
    for tensor in (*outputs, *_assigned(stages)):
        state[tensor.name] = _zeros([extent(axis, state) for axis in tensor.axes], arithmetic)
    for stage in stages:
        if isinstance(stage, Sort):
            _sort(stage, state, arithmetic)
        else:
            for bound in _nest(stage.indices, state, stage.reverse):
                for assign in stage.body:
                    if evaluate(assign.guard, state, arithmetic, **bound):
                        _store(assign, state, arithmetic, bound)
    return state


def _assigned(stages: Sequence[Stage]) -> list[Tensor]:
    return [a.target.tensor for stage in stages if isinstance(stage, Sweep) for a in stage.body]


def extent(axis: Axis, values: Mapping[str, Any]) -> int:
    """Return the extent of an axis, also of one derived from others."""
    if axis.name in values:
        return int(values[axis.name])
    other = {a.name: a for a in axis.extent.atoms(Axis)}
    return int(axis.extent.xreplace({a: extent(a, values) for a in other.values()}))


def _nest(indices: Sequence[Any], state: Mapping[str, Any], reverse: bool) -> list[dict[str, int]]:
    ranges = [range(extent(index.axis, state)) for index in indices]
    points = list(itertools.product(*ranges))
    names = [index.name for index in indices]
    return [dict(zip(names, point, strict=True)) for point in (reversed(points) if reverse else points)]


def _zeros(shape: Sequence[int], arithmetic: Arithmetic) -> Any:
    return [_zeros(shape[1:], arithmetic) for _ in range(shape[0])] if shape else arithmetic.number(0)


def _store(assign: Any, state: dict[str, Any], arithmetic: Arithmetic, bound: Mapping[str, int]) -> None:
    value = evaluate(assign.expr, state, arithmetic, **bound)
    positions = [int(evaluate(p, state, arithmetic, **bound)) for p in assign.target.positions]
    name = assign.target.tensor.name
    if not positions:
        state[name] = state[name] + value if assign.add else value
        return
    cell = state[name]
    for position in positions[:-1]:
        cell = cell[position]
    cell[positions[-1]] = cell[positions[-1]] + value if assign.add else value


def _sort(stage: Sort, state: dict[str, Any], arithmetic: Arithmetic) -> None:
    count = extent(stage.index.axis, state)
    keys = [evaluate(stage.key, state, arithmetic, **{stage.index.name: k}) for k in range(count)]
    sign = -1 if stage.descending else 1
    state[stage.order.name] = sorted(range(count), key=lambda k: sign * keys[k])
