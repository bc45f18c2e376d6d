"""How a kernel treats its outputs."""

from __future__ import annotations

from lossgen.lower import ir


def writes_once(function: ir.Function) -> bool:
    """Whether no entry of an output is read again or added to: what is written there may be rounded."""
    outputs = set(function.array_outputs)
    added = (s.array for s in ir.statements(function.body) if isinstance(s, ir.Store) and s.add)
    returned = (e for value in function.returns for e in ir.subexpressions(value))
    read = (e.array for e in (*ir.expressions(function.body), *returned) if isinstance(e, ir.Load))
    return outputs.isdisjoint((*added, *read))
