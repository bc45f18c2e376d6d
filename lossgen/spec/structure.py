"""The structure class of a program, read off its shape."""

from __future__ import annotations

from lossgen.spec.model import Program, Sort, Sweep

# Structures of small samples: one stays in cache while its kernel runs, and threads take whole samples.
SMALL = ("elementwise", "row")
STRUCTURES = (*SMALL, "reduce", "pairwise", "sort", "recurrence", "composite")


def classify(program: Program) -> str:
    """Name the class: elementwise, row, reduce, pairwise, sort, recurrence or composite."""
    if len(program.terms) > 1:
        return "composite"
    if any(isinstance(stage, Sort) for stage in program.stages):
        return "sort"
    if any(_is_recurrence(stage) for stage in program.stages if isinstance(stage, Sweep)):
        return "recurrence"
    if program.terms[0].items:
        return "pairwise"
    axes = [axis for tensor in program.predictions for axis in tensor.axes]
    if not axes:
        return "elementwise"
    # An axis that merges several array dimensions (all of them, or all after the second) is a sum over sites,
    # not a short row.
    return "reduce" if any(":" in axis.dims or "," in axis.dims for axis in axes) else "row"


def _is_recurrence(stage: Sweep) -> bool:
    return any(assign.expr.has(assign.target.tensor) for assign in stage.body)
