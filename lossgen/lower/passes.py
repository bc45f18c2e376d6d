"""How often a kernel goes over memory."""

from __future__ import annotations

from lossgen.lower import ir


def passes_over(function: ir.Function, tensor: str) -> int:
    """Count the loops of a kernel, outermost ones, that read `tensor`; of two branches the longer.

    A tensor without axes is read once. In a driver that keeps one small sample in cache these passes
    cost memory traffic once; where a
    sample spans the whole array, each is a pass over memory.
    """
    ranks = {argument.name: argument.rank for argument in function.arguments}
    return 1 if ranks.get(tensor, 0) == 0 else _passes(function.body, tensor)


def _passes(body: tuple[ir.Stmt, ...], tensor: str) -> int:
    count = 0
    for statement in body:
        if isinstance(statement, ir.Loop):
            loads = (e.array for e in ir.expressions((statement,)) if isinstance(e, ir.Load))
            count += tensor in loads
        else:
            count += max((_passes(inner, tensor) for inner in ir.bodies(statement)), default=0)
    return count
