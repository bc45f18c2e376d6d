"""Whether a slope is continuous: where it jumps, the second derivative has no bound, whatever its formula
says beside the jump.
"""

from __future__ import annotations

import sympy as sp
from sympy.core.relational import Relational

from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element, elements
from lossgen.stabilize.curvature.ranges import varies


def is_continuous(slope: sp.Expr) -> bool:
    """Whether a slope is certainly continuous in the predictions."""
    sums = {node for node in slope.atoms(Reduction) if varies(node)}
    if any(node.op.startswith("arg") for node in sums):
        return False
    if not all(is_continuous(node.open()[1]) for node in sums if node.op == "sum"):
        return False
    # What stands in a sum has been looked at there: outside, a sum is one number.
    held = {node: sp.Symbol(f"s{k}", real=True) for k, node in enumerate(sorted(sums, key=str))}
    outside = slope.xreplace(held)
    return all(_meets(outside, gap, sides) for gap, sides in _breaks(outside))


def _breaks(slope: sp.Expr) -> list[tuple[sp.Expr, tuple[dict[sp.Basic, sp.Basic], ...]]]:
    """Return what is 0 where a slope may jump, and what to put in its place on the two sides."""
    choices = slope.atoms(Where)
    tests = {test for node in choices for test in node.args[0].atoms(Relational) if varies(test)}
    signs = [node for node in sorted(slope.atoms(sp.sign), key=str) if varies(node)]
    return [
        *((test.lhs - test.rhs, ({test: sp.true}, {test: sp.false})) for test in sorted(tests, key=str)),
        *((node.args[0], ({node: sp.S.One}, {node: sp.S.NegativeOne})) for node in signs),
    ]


def _meets(slope: sp.Expr, gap: sp.Expr, sides: tuple[dict[sp.Basic, sp.Basic], ...]) -> bool:
    first, second = (slope.xreplace(side) for side in sides)
    for node in sorted(gap.atoms(sp.Abs), key=str):
        if varies(node):
            return all(_meets(slope, gap.xreplace({node: s * node.args[0]}), sides) for s in (1, -1))
    for entry in sorted(elements(gap), key=str):
        if entry.tensor.role == "pred" and (root := _root(gap, entry)) is not None:
            jump = (first - second).xreplace({entry: root})
            return bool(sp.expand(jump) == 0 or sp.expand(sp.cancel(sp.together(jump))) == 0)
    return False


def _root(gap: sp.Expr, entry: Element) -> sp.Expr | None:
    free = sp.Dummy(real=True)  # two entries of one tensor are two numbers here
    gap = gap.xreplace({entry: free})
    factor = _slope(gap, free)
    if factor == 0 or varies(factor) or factor.is_nonzero is not True:
        return None
    return sp.expand(-(gap - factor * free) / factor)


def _slope(gap: sp.Expr, free: sp.Symbol) -> sp.Expr:
    """Return the factor of a number in a gap, 0 where the gap is not linear in it."""
    low, high = (gap.xreplace({free: sp.Integer(at)}) for at in (0, 1))
    factor = sp.expand(high - low)
    return factor if sp.expand(gap - low - factor * free) == 0 else sp.S.Zero
