"""How often a kernel goes over memory."""

from __future__ import annotations

from lossgen.lower import ir


def passes_over(function: ir.Function, tensor: str) -> int:
    """Count the loops of a kernel, outermost ones, that read `tensor`.

    A tensor without axes is read once. In a driver that keeps one small sample in cache these passes
    cost memory traffic once; where a
    sample spans the whole array, each is a pass over memory.
    """
    ranks = {argument.name: argument.rank for argument in function.arguments}
    if ranks.get(tensor, 0) == 0:
        return 1
    return sum(
        isinstance(statement, ir.Loop)
        and any(isinstance(e, ir.Load) and e.array == tensor for e in ir.expressions((statement,)))
        for statement in function.body
    )
