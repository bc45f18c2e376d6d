"""Loops in the order of what they write: each step adds to entries of its own, so steps may run apart."""

from __future__ import annotations

from lossgen.algebra.axes import Index
from lossgen.algebra.tensors import tensors
from lossgen.spec.model import Assign, Stage, Sweep


def by_owner(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Return the stages with sweeps that add to several tensors split by the index that owns the entries.

    ``a[i, d] += ...; b[j, d] += ...`` over (i, j, d) becomes a sweep over (i, j, d) and one over (j, i, d).
    The terms of each entry are added in the same order as before.
    """
    return tuple(part for stage in stages for part in _split(stage))


def _split(stage: Stage) -> tuple[Stage, ...]:
    if not isinstance(stage, Sweep) or stage.reverse or not all(assign.add for assign in stage.body):
        return (stage,)
    targets = set(stage.written)
    if any(targets & (tensors(assign.expr) | tensors(assign.guard)) for assign in stage.body):
        return (stage,)
    groups: dict[Index | None, list[Assign]] = {}
    for assign in stage.body:
        groups.setdefault(_owner(assign, stage.indices), []).append(assign)
    return tuple(
        Sweep(_order(stage.indices, owner), tuple(body), positive=stage.positive)
        for owner, body in groups.items()
    )


def _owner(assign: Assign, indices: tuple[Index, ...]) -> Index | None:
    """Return the outermost position of the target that is one of the loop variables."""
    positions = assign.target.positions
    if not indices or indices[0] in positions:
        return indices[0] if indices else None
    return next((position for position in positions if position in indices), indices[0])


def _order(indices: tuple[Index, ...], owner: Index | None) -> tuple[Index, ...]:
    return indices if owner is None else (owner, *(index for index in indices if index != owner))
