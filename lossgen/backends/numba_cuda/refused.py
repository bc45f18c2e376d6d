"""Which losses have no kernels on the GPU so far, and why."""

from __future__ import annotations

from lossgen.backends.base import Unit
from lossgen.lower import ir
from lossgen.lower.pieces import has_blocks


def refuses(unit: Unit) -> str | None:
    """Return why a variant has no kernels here, or None."""
    variant = unit.variant
    if variant.terms > 1:
        return "terms are reduced apart"
    for kernel in (*variant.kernels, *(() if variant.prepass is None else (variant.prepass,))):
        if has_blocks(kernel.function):
            return "a sample may span the array, threads would have to share it"
        if any(isinstance(statement, ir.Sort) for statement in ir.statements(kernel.function.body)):
            return "a sample is sorted, which one thread would have to do alone"
        if kernel.function.workspace:
            return "what a sample keeps on the way would need memory for each thread"
    return None
