"""Upper bounds of the second derivative by each prediction, whatever the predictions are."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Detach, Where
from lossgen.algebra.tensors import Element, Tensor, elements
from lossgen.derive.differentiate import derivative
from lossgen.errors import LossError
from lossgen.spec.program import Assign, Program
from lossgen.stabilize.curvature.ranges import is_longer, least, range_of, written_out
from lossgen.stabilize.curvature.reweight import Weight
from lossgen.stabilize.curvature.smooth import is_continuous
from lossgen.stabilize.facts import is_nonneg

# What is multiplied out may have ten thousands of terms, and its bound is no use.
_LONGEST = 2000
_NOT_FOUND = (
    "no finite upper bound of its second derivative is found, which does not prove that there is none"
)


def largest_weight(found: Weight) -> sp.Expr:
    """Return the weight of a residual of 0: where weights fall, no second derivative is larger.

    For a slope w(r) r its derivative is w + w' r, and w' is not positive.
    """
    bound = _at_zero(found.alone, found.x)
    if bound is None:
        raise LossError("its slope jumps where the residual is 0")
    return bound


def _at_zero(expr: sp.Expr, r: Element) -> sp.Expr | None:
    if isinstance(expr, Where):
        test, *branches = expr.args
        first, second = (_at_zero(branch, r) for branch in branches)
        decided = Where(test.xreplace({r: sp.S.Zero}), sp.S.One, sp.S.Zero)
        if decided in (0, 1):
            return first if decided == 1 else second
        # At the end of a parameter's domain, where the inner branch is empty, its limit is that of the other.
        return second if first is None else first
    value = expr.xreplace({r: sp.S.Zero})
    lone = {node: sp.Abs(sp.Add(*node.args)) for node in value.atoms(vo.hypot) if 0 in node.args}
    value = value.xreplace(lone)
    return None if value.has(sp.nan, sp.zoo, sp.oo) else value


def upper_bound(program: Program, tensor: Tensor, assign: Assign, cleaned: sp.Expr) -> sp.Expr:
    """Return an upper bound of the curvature by a prediction, given its gradient and its cleaned curvature;
    raise LossError with the reason where there is none.
    """
    if program.stages:
        raise LossError("its value is made in stages, whose jumps are not looked at")
    slope = assign.expr
    if slope.has(Detach):
        raise LossError("a part of it is detached: its gradient is not the slope of its value")
    if not is_continuous(slope):
        raise LossError("its slope is not seen to be continuous")
    twice = derivative(slope, Element(tensor, *assign.target.positions))
    terms = sp.Add(*map(written_out, sp.Add.make_args(twice)))
    weighed = {one: _weighed(one) for one in elements(twice) if one.tensor.role == "weight"}
    found: list[sp.Expr] = []
    for form in (cleaned, twice, sp.expand(twice), terms):
        if is_longer(form, _LONGEST):
            continue
        _, high = range_of(form.xreplace(weighed))
        if high == 0:
            raise LossError("its second derivative is never above 0: there is nothing to bound")
        if not high.has(sp.oo, -sp.oo, sp.zoo, sp.nan):
            found.append(high if is_nonneg(high) else sp.Max(high, 0))
    if not found:
        raise LossError(_NOT_FOUND)
    return least(found).xreplace({new: old for old, new in weighed.items()})


def _weighed(entry: Element) -> Element:
    """Return a weight that is known not to be negative."""
    old = entry.tensor
    return Element(Tensor(old.name, old.axes, old.dtype, old.role, "nonnegative"), *entry.positions)
