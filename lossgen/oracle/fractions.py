"""The same program with the sums of fractions inside it brought over common denominators.

``1 - 1/(1 + exp(-x))`` at x = 1e10 needs 1e10 bits as it stands and none as ``exp(-x)/(1 + exp(-x))``; the
logarithm of a fraction near 1 likewise comes from the difference of its parts, subtracted as formulas. What
then is left of a limit becomes a function of its own. This is plain algebra of SymPy on the exact
expression; tests check that both forms agree wherever both can be certified.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from lossgen.oracle.complements import complemented, separated
from lossgen.spec.model import Program, Sort, Stage, Sweep


class LogRatio(sp.Function):
    """``LogRatio(a, b, a - b)`` = log(a / b), the difference simplified as a formula."""

    nargs = (3,)


def _together(expr: sp.Basic) -> sp.Basic:
    if not expr.args or isinstance(expr, sp.Symbol):
        return expr
    args = [_together(arg) if isinstance(arg, sp.Basic) else arg for arg in expr.args]
    rebuilt = expr.func(*args) if any(a is not b for a, b in zip(args, expr.args, strict=True)) else expr
    if isinstance(rebuilt, sp.log):
        above, below = sp.fraction(sp.together(rebuilt.args[0]))
        return LogRatio(above, below, sp.expand(above - below))
    return sp.together(rebuilt) if isinstance(rebuilt, sp.Add) else rebuilt


def _joined(expr: sp.Basic) -> sp.Basic:
    return complemented(_together(separated(expr)))


def _stage(stage: Stage) -> Stage:
    if isinstance(stage, Sort):
        return replace(stage, key=_joined(stage.key))
    body = tuple(
        replace(assign, expr=_joined(assign.expr), guard=_joined(assign.guard)) for assign in stage.body
    )
    return Sweep(stage.indices, body, stage.reverse, stage.positive)


def joined(program: Program) -> Program:
    """Return the program with every sum of fractions as one fraction."""
    terms = tuple(replace(term, value=_joined(term.value)) for term in program.terms)
    return replace(program, terms=terms, stages=tuple(map(_stage, program.stages)))
