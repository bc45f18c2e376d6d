"""Keeps positive local tensors as their logarithm, where values would leave the range of floating point."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp
from sympy.core.relational import Relational

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.tensors import Element, Tensor, elements
from lossgen.spec.model import Assign, Program, Stage, Sweep
from lossgen.stabilize.logview import log_of, log_view
from lossgen.stabilize.rules.guards import LOG_PREFIX
from lossgen.stabilize.walk import map_program


def positive_recurrences(program: Program) -> frozenset[Tensor]:
    """Return the tensors that recurrences declared positive compute."""
    return frozenset(
        assign.target.tensor
        for stage in program.stages
        if isinstance(stage, Sweep) and stage.positive
        for assign in stage.body
        if not assign.add and assign.target.tensor.dtype == "float" and not _is_log(assign.target.tensor)
    )


def demanded_logarithms(program: Program) -> frozenset[Tensor]:
    """Return the tensors whose logarithm is taken by a reader and whose entries are exponentials."""
    wanted: set[Tensor] = set()

    def look(expr: sp.Basic) -> sp.Basic:
        for node in expr.atoms(sp.log):
            wanted.update(e.tensor for f in sp.Mul.make_args(node.args[0]) for e in _plain(f))
        return expr

    map_program(program, look)
    written: dict[Tensor, list[Assign]] = {}
    for stage in program.stages:
        for assign in stage.body if isinstance(stage, Sweep) else ():
            written.setdefault(assign.target.tensor, []).append(assign)
    return frozenset(
        tensor
        for tensor in wanted & written.keys()
        if all(not assign.add and log_view(assign.expr) is not None for assign in written[tensor])
    )


def _plain(factor: sp.Expr) -> tuple[Element, ...]:
    base = factor.as_base_exp()[0]
    return (base,) if isinstance(base, Element) and base.tensor.role == "local" else ()


def logarithm(tensor: Tensor) -> Tensor:
    """Return the tensor that holds the logarithms of `tensor`."""
    return Tensor(LOG_PREFIX + tensor.name, tensor.axes, tensor.dtype, tensor.role)


def _is_log(tensor: Tensor) -> bool:
    return tensor.name.startswith(LOG_PREFIX)


def to_log_domain(program: Program, chosen: frozenset[Tensor]) -> Program:
    """Return the program with each tensor A of `chosen` kept as log A: readers see exp, writers take the
    logarithm.
    """
    if not chosen:
        return program
    logs = {
        tensor: Tensor(LOG_PREFIX + tensor.name, tensor.axes, tensor.dtype, tensor.role) for tensor in chosen
    }

    def read(expr: sp.Basic) -> sp.Basic:
        return _read(expr, logs)

    stages = tuple(_write(stage, logs) if isinstance(stage, Sweep) else stage for stage in program.stages)
    return map_program(replace(program, stages=stages), read)


def _write(stage: Sweep, logs: dict[Tensor, Tensor]) -> Stage:
    body = []
    for assign in stage.body:
        log = logs.get(assign.target.tensor)
        if log is None:
            body.append(assign)
        else:
            expr = log_of(_read(assign.expr, logs))
            body.append(replace(assign, target=Element(log, *assign.target.positions), expr=expr))
    # A logarithm has any sign: the promise of positivity is used up.
    kept = stage.positive and not any(assign.target.tensor in logs for assign in stage.body)
    return replace(stage, body=tuple(body), positive=kept)


def _read(expr: sp.Basic, logs: dict[Tensor, Tensor]) -> sp.Basic:
    """Replace A[k] by exp(a[k]); conditions like A[k] > 0 ask the logarithm, because exp of a real number is
    never 0 to SymPy.
    """
    conditions = {node: _ask(node, logs) for node in expr.atoms(Relational)}
    expr = expr.xreplace({node: new for node, new in conditions.items() if new is not None})
    return expr.xreplace(_exponentials(expr, logs))


def _exponentials(expr: sp.Basic, logs: dict[Tensor, Tensor]) -> dict[sp.Expr, sp.Expr]:
    return {e: sp.exp(Element(logs[e.tensor], *e.positions)) for e in elements(expr) if e.tensor in logs}


def _ask(node: Relational, logs: dict[Tensor, Tensor]) -> sp.Basic | None:
    swapped = node.rhs.is_zero is not True
    quantity = node.rhs if swapped else node.lhs
    other = node.lhs if swapped else node.rhs
    mapping = _exponentials(quantity, logs)
    if other.is_zero is not True or not mapping:
        return None
    kind = node.reversed.func if swapped else node.func
    alive = vo.alive(log_of(quantity.xreplace(mapping)))
    if kind in (sp.Gt, sp.Ne):
        return sp.Gt(alive, 0)
    return sp.Le(alive, 0) if kind in (sp.Eq, sp.Le) else None
