"""After differentiation: derivatives are split into branches, and cancellations that appeared are named.

The Kronecker delta in the derivative of an indexed formula is a choice: with ``k == y`` the entry of a
softmax gradient is ``exp(share) - 1``, which is ``-omexp(share)`` and keeps every digit, elsewhere it is
``exp(share)``. Each branch is then cleaned on its own. Nothing here calls `simplify`, whose result
depends on luck.

One form per output comes out; this is the second place (after `lift`) where candidates that compete by
measured error branch off.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Delta, Where, replace_index
from lossgen.derive.model import Routine
from lossgen.stabilize.rewriter import Rewriter
from lossgen.stabilize.rule import Rewrite
from lossgen.stabilize.rules import rules_of
from lossgen.stabilize.walk import map_stage


def clean(routine: Routine) -> Routine:
    """Return the routine in stable and short form; equal to it as exact mathematics."""
    return clean_with_record(routine)[0]


def clean_with_record(routine: Routine) -> tuple[Routine, tuple[Rewrite, ...]]:
    """Return the cleaned routine and every firing of a rule, in order."""
    derivative, value = _Cleaner("clean"), _Cleaner("clean", "value")
    cleaner = value if routine.kind == "values" else derivative
    cleaned = replace(
        routine,
        steps=tuple(map_stage(step, cleaner) for step in routine.steps),
        results=tuple(value(result) for result in routine.results),
    )
    return cleaned, (*derivative.record, *value.record)


def split_deltas(expr: sp.Expr) -> sp.Expr:
    """Turn every Kronecker delta of free positions into a choice at the top."""
    for delta in sorted(expr.atoms(Delta), key=sp.default_sort_key):
        if delta.free_symbols <= expr.free_symbols:
            return Where(
                sp.Eq(*delta.args),
                split_deltas(_meet(expr.xreplace({delta: sp.S.One}), *delta.args)),
                split_deltas(expr.xreplace({delta: sp.S.Zero})),
            )
    return expr


def _meet(expr: sp.Expr, i: sp.Expr, j: sp.Expr) -> sp.Expr:
    """Write `expr` for i == j: entries at the two positions are then the same entry and may cancel."""
    for position, other in ((i, j), (j, i)):
        if isinstance(position, Index) and position not in other.free_symbols:
            return replace_index(expr, position, other)
    return expr.xreplace({j: i})


class _Cleaner:
    def __init__(self, *phases: str) -> None:
        self.rewriters = tuple(
            Rewriter(rules_of(*part)) for part in (("join",), phases, ("guard",), ("range",))
        )

    def __call__(self, expr: sp.Basic) -> sp.Basic:
        expr = split_deltas(expr) if isinstance(expr, sp.Expr) else expr
        for rewriter in self.rewriters:
            expr = rewriter(expr)
        return expr

    @property
    def record(self) -> tuple[Rewrite, ...]:
        return tuple(rewrite for rewriter in self.rewriters for rewrite in rewriter.record)
