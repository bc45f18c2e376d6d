"""How a kernel treats its outputs."""

from __future__ import annotations

from lossgen.lower import ir


def accumulates(function: ir.Function) -> bool:
    """Whether an output is read again or added to: in fewer bits it would be rounded at each step."""
    outputs = set(function.array_outputs)
    added = (s.array for s in ir.statements(function.body) if isinstance(s, ir.Store) and s.add)
    returned = (e for value in function.returns for e in ir.subexpressions(value))
    read = (e.array for e in (*ir.expressions(function.body), *returned) if isinstance(e, ir.Load))
    return not outputs.isdisjoint((*added, *read))
