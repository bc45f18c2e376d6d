"""Loop variables: stable names for the indices of sweeps and reductions.

Derivation hands out fresh indices with running numbers; here every index gets the name that a reader
expects (``c`` over axis C,
``c2`` for a second one that runs inside it), the same in every build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import sympy as sp

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Reduction, replace_index
from lossgen.algebra.tensors import Element
from lossgen.derive.model import Routine
from lossgen.spec.model import Assign, Sort, Stage


class Indices:
    """Names of loop variables, none of which is the name of a tensor."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self.reserved = frozenset(reserved)
        self._opened: dict[Reduction, tuple[Index, sp.Expr]] = {}

    def choose(self, axis: Axis, taken: Iterable[sp.Symbol]) -> Index:
        """Return the first index name over `axis` that is neither reserved nor in `taken`."""
        names = {symbol.name for symbol in taken}
        stem = axis.name.lower()
        number = 1
        while True:
            name = stem if number == 1 else f"{stem}{number}"
            if name in self.reserved:
                name = f"i_{name}"
            if name not in names:
                return Index(name, axis)
            number += 1

    def open(self, reduction: Reduction) -> tuple[Index, sp.Expr]:
        """Return the loop variable of a reduction and its body written with it.

        The variable avoids only what the reduction depends on: whatever else is open encloses a loop
        out of which the reduction moves.
        Therefore equal subexpressions of sibling reductions are equal objects, and are computed once
        when their loops are fused.
        """
        if reduction not in self._opened:
            index = self.choose(reduction.index.axis, reduction.free_symbols)
            self._opened[reduction] = (index, replace_index(reduction.body, reduction.index, index))
        return self._opened[reduction]

    def routine(self, routine: Routine) -> Routine:
        """Return the routine with all sweep and sort indices renamed."""
        return replace(routine, steps=tuple(self._stage(stage) for stage in routine.steps))

    def _stage(self, stage: Stage) -> Stage:
        if isinstance(stage, Sort):
            index = self.choose(stage.index.axis, ())
            return replace(stage, index=index, key=replace_index(stage.key, stage.index, index))
        # Through fresh names first: an old name may be another index's new one.
        names: dict[Index, Index] = {}
        for index in stage.indices:
            names[index] = self.choose(index.axis, names.values())
        passing = {old: Index(f"{new.name}#", new.axis) for old, new in names.items()}
        final = {passing[old]: new for old, new in names.items()}
        body = tuple(_renamed(_renamed(assign, passing), final) for assign in stage.body)
        return replace(stage, indices=tuple(names.values()), body=body)


def _renamed(assign: Assign, names: Mapping[Index, Index]) -> Assign:
    target: sp.Expr = assign.target
    expr, guard = assign.expr, assign.guard
    for old, new in names.items():
        target, expr, guard = (replace_index(part, old, new) for part in (target, expr, guard))
    if not isinstance(target, Element):
        raise TypeError(f"{assign.target} is no element")
    return replace(assign, target=target, expr=expr, guard=guard)
