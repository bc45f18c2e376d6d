"""Stages to statements: sweeps become loops over stores, sorts a key and an order."""

from __future__ import annotations

from contextlib import ExitStack

import sympy as sp

from lossgen.algebra.tensors import Element, Tensor, tensors
from lossgen.lower import ir, points
from lossgen.lower.constants import as_float, integer
from lossgen.lower.facts import depends_on_axis
from lossgen.lower.scopes import Scope
from lossgen.lower.values import Lowering
from lossgen.spec.model import Assign, Sort, Stage, Sweep


def lower_stage(low: Lowering, stage: Stage) -> None:
    """Append the statements of one stage to the kernel."""
    if isinstance(stage, Sort):
        _sort(low, stage)
    else:
        _sweep(low, stage)


def changed_in_loops(stages: tuple[Stage, ...]) -> set[Tensor]:
    """Return the scalar tensors that a loop overwrites: a recurrence carries them from one step to the
    next.
    """
    return {
        assign.target.tensor
        for stage in stages
        if isinstance(stage, Sweep) and stage.indices
        for assign in stage.body
        if not assign.target.positions and not assign.add
    }


def _sort(low: Lowering, stage: Sort) -> None:
    """Write the key into workspace, then sort positions by it."""
    key = low.names.of(("key", stage.order), f"{stage.order.name}_key")
    extent = low.extent(stage.index.axis)
    with low.scopes.open(stage.index, barrier=depends_on_axis(stage.index.axis, low.facts.bounded)) as scope:
        value = low.float(stage.key)
        scope.add(ir.Store(key, (ir.Var(stage.index.name, "int"),), value))
    low.scopes.top.add(ir.Loop(stage.index.name, extent, tuple(scope.statements)))
    low.scopes.top.add(ir.Sort(stage.order.name, key, extent, stage.descending))
    low.written(stage.order)


def _sweep(low: Lowering, stage: Sweep) -> None:
    targets = set(stage.written)
    reads = set().union(*(tensors(assign.expr) | tensors(assign.guard) for assign in stage.body))
    low.volatile = frozenset(targets & reads)
    later: list[Assign] = []
    body = stage.body
    if stage.indices and not low.volatile:
        pairs = [points.split(assign, stage.indices[-1]) for assign in stage.body]
        # All or none: the order of stores into one array must stay.
        body = tuple(everywhere for everywhere, _ in pairs)
        later = [at for _, at in pairs if at is not None]
    _nest(low, stage, body, later)
    low.volatile = frozenset()
    for tensor in sorted(targets, key=lambda tensor: tensor.name):
        if tensor.axes or tensor in low.boxed or tensor in low.running:
            low.written(tensor)


def _nest(low: Lowering, stage: Sweep, body: tuple[Assign, ...], later: list[Assign]) -> None:
    """Open the loops, run the body in the innermost, and close them; `later` runs after the innermost
    loop.
    """
    extents = [low.extent(index.axis) for index in stage.indices]
    opened: list[Scope] = []
    with ExitStack() as stack:
        for index in stage.indices:
            barrier = depends_on_axis(index.axis, low.facts.bounded)
            opened.append(stack.enter_context(low.scopes.open(index, barrier)))
        for assign in body:
            _assign(low, assign)
        closing = list(zip(stage.indices, extents, opened, strict=True))
        while closing:
            index, extent, scope = closing.pop()
            with low.scopes.within(len(low.scopes.stack) - 1 - (len(opened) - len(closing))):
                low.scopes.top.add(ir.Loop(index.name, extent, tuple(scope.statements), stage.reverse))
                for assign in later:
                    _assign(low, assign)
                later = []


def _assign(low: Lowering, assign: Assign) -> None:
    if assign.guard == sp.true:
        _store(low, assign)
        return
    condition = low.value(assign.guard)
    if isinstance(condition, ir.Const):
        if condition.value:
            _store(low, assign)
        return
    with low.scopes.open(barrier=True) as scope:
        _store(low, assign)
    low.scopes.top.add(ir.If(condition, tuple(scope.statements)))
    _changed(low, assign.target)


def _store(low: Lowering, assign: Assign) -> None:
    target = assign.target
    tensor = target.tensor
    value = low.value(assign.expr) if tensor.dtype == "int" else as_float(low.value(assign.expr))
    if tensor in low.boxed:
        low.scopes.top.add(ir.Store(tensor.name, (integer(0),), value, assign.add))
    elif target.positions:
        positions = tuple(low.value(position) for position in target.positions)
        low.scopes.top.add(ir.Store(tensor.name, positions, value, assign.add))
    elif tensor in low.running:
        low.scopes.top.add(ir.Update(low.running[tensor], "sum", value))
    else:
        low.let(target, value, f"{tensor.name}_value" if tensor.role == "output" else tensor.name)
        return
    _changed(low, target)


def _changed(low: Lowering, target: Element) -> None:
    """Whatever was computed from the tensor's old entries is stale, if this sweep reads them."""
    if target.tensor in low.volatile or target.tensor in low.running:
        low.written(target.tensor)
