"""Whether a computed number is good enough.

A number passes if it is within the stated bound of the exact result in ulp, or if it is the exact result for
inputs moved by at most 2 ulp, sums whose terms are moved by the bound (those that differentiation makes
included), intermediate tensors whose entries are rounded, and positive recurrences whose logarithms are. The
second part is decided by
moving one input (or all terms of one sum) at a time, up and down, and evaluating the oracle there: the
largest deviations are added up. To first order their sum is the largest deviation over the box of all such
moves, and by continuity every number in between is the exact result of some moved input; unlike a derivative
the moved evaluations also see kinks and switches between branches. Zeros, labels that are exactly 1 or -1,
marks of entries that take no part, and integers stay fixed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp
from flint import arb, ctx

from lossgen.algebra.nodes import Reduction, Where
from lossgen.oracle.evaluate import ITEMS, Case, Oracle, Place, Request, Truth
from lossgen.oracle.intermediate import absolute_terms, rounded
from lossgen.oracle.marks import marks
from lossgen.oracle.moves import PATTERNS
from lossgen.oracle.series import Ball
from lossgen.spec.model import Sweep

# Raised when points, verdicts or what is judged change: all kernels must be measured again.
JUDGE = 3
# Largest error in ulp without a look at the inputs.
BOUNDS = {"value": 8.0, "gradient": 8.0, "hessian": 64.0, "hvp": 64.0, "irls": 8.0, "bound": 4.0}
WIDER = {"value": 16.0, "gradient": 16.0, "hessian": 64.0, "hvp": 64.0, "irls": 16.0, "bound": 4.0}
INPUT_ULPS = 2
# How many joint moves of all inputs are tried where single ones explain nothing.
JOINT_MOVES = 48
# Domains whose ends are labels.
_LABELS = ("unit", "binary", "sign")


@dataclass(frozen=True)
class Verdict:
    """What the judge says about one number.

    Attributes
    ----------
    passed : bool
        Whether the number is good.
    ulps : float
        Raw distance to the exact result; inf where the number is not finite and should be.
    reason : str
        ``ulp``, ``moved inputs``, ``infinite``, ``overflow``, ``undefined`` for passes; ``error``, ``zero``,
        ``not finite``, ``uncertified`` for failures.
    truth : float
        The exact result, rounded.
    """

    passed: bool
    ulps: float
    reason: str
    truth: float


def judge(oracle: Oracle, case: Case, request: Request, got: Any, dtype: Any, bound: float) -> Verdict:
    """Return the verdict on the number `got` that a kernel computed in `dtype`."""
    if request.kind == "bound":
        return _above(oracle, case, request, float(got), dtype)
    truth = oracle.truth(case, request, dtype)
    number = float(truth)
    computed = float(got)
    if truth.ball is None:
        good = truth.status == "undefined"
        return Verdict(good, 0.0 if good else math.inf, truth.status, number)
    if not truth.ball.is_finite():
        same = computed == number
        return Verdict(same, 0.0 if same else math.inf, "infinite" if same else "error", number)
    size = _ulp(truth.ball, dtype)
    too_large = bool(abs(truth.ball.mid()) > arb(float(np.finfo(dtype).max)))
    if not math.isfinite(computed):
        nearly = bool(abs(truth.ball.mid()) + bound * size > arb(float(np.finfo(dtype).max)))
        # Beyond the largest number a derivative need not be finite, a value is infinite.
        if nearly and (request.kind != "value" or computed == math.copysign(math.inf, number)):
            return Verdict(True, 0.0, "overflow", number)
        if _terms_overflow(oracle, case, dtype):
            return Verdict(True, 0.0, "overflow", number)
        return Verdict(False, math.inf, "not finite", number)
    with _bits():
        error = abs(arb(computed) - truth.ball.mid())
        ulps = float(error / size)
    if ulps <= bound and not (computed == 0 and not _subnormal(truth.ball, dtype)):
        return Verdict(True, ulps, "ulp", number)
    if too_large:
        return Verdict(False, ulps, "error", number)
    with _bits():
        needed = error - bound * size
        reached = _deviation(oracle, case, request, truth, dtype, bound, needed)
        if reached < needed:
            reached += bound * float(np.finfo(dtype).eps) * absolute_terms(oracle, case, request, dtype)
        good = bool(error <= bound * size + reached)
    if good:
        return Verdict(True, ulps, "moved inputs", number)
    if request.kind != "value" and oracle.observed(case).largest_log * bound * np.finfo(dtype).eps > 1:
        # The logarithms of the recurrence are not even known to 1: its derivatives have no digit.
        return Verdict(True, ulps, "moved inputs", number)
    if _exact_for_neighbours(oracle, case, request, computed, dtype, bound):
        return Verdict(True, ulps, "moved inputs", number)
    return Verdict(
        False, ulps, "zero" if computed == 0 and not _subnormal(truth.ball, dtype) else "error", number
    )


def _bits() -> Any:
    return ctx.workprec(256)


def _ulp(ball: Ball, dtype: Any) -> Ball:
    info = np.finfo(dtype)
    middle = ball.mid()
    exponent = info.minexp - info.nmant
    if not middle.is_zero():
        mantissa, power = middle.man_exp()
        exponent = max(exponent, int(power) + abs(int(mantissa)).bit_length() - 1 - info.nmant)
    return arb(2) ** min(exponent, info.maxexp - 1 - info.nmant)


def _subnormal(ball: Ball, dtype: Any) -> bool:
    return bool(abs(ball.mid()) < arb(float(np.finfo(dtype).tiny)))


def _above(oracle: Oracle, case: Case, request: Request, bound: float, dtype: Any) -> Verdict:
    """Judge an upper bound of the second derivative: it may lie below by its rounding only."""
    truth = oracle.truth(case, replace(request, kind="hessian"), dtype)
    if truth.ball is None:
        return Verdict(truth.status == "undefined", 0.0, truth.status, math.nan)
    below = truth.ball.mid() - arb(bound) if math.isfinite(bound) else arb(0 if bound > 0 else "inf")
    ulps = max(0.0, float(below / _ulp(truth.ball, dtype)))
    passed = bound >= 0 and ulps <= BOUNDS["bound"]
    return Verdict(passed, ulps, "ulp" if passed else "error", float(truth))


def _deviation(
    oracle: Oracle, case: Case, request: Request, truth: Truth, dtype: Any, bound: float, needed: Ball
) -> Ball:
    """Return how far the result moves with inputs and terms of sums, or as much of it as is needed."""
    total = arb(0)
    share = bound * float(np.finfo(dtype).eps)
    for trials in _trials(oracle, case, request, share):
        largest = arb(0)
        for moved_case, moved_request, moves in trials:
            moved = oracle.truth(moved_case, moved_request, dtype, moves)
            if moved.ball is not None and moved.ball.is_finite():
                distance = abs(moved.ball.mid() - truth.ball.mid())  # type: ignore[union-attr]
                largest = distance if distance > largest else largest
        total = total + largest
        if total > needed:
            break
    return total


def _exact_for_neighbours(
    oracle: Oracle, case: Case, request: Request, computed: float, dtype: Any, bound: float
) -> bool:
    """Whether the number is the exact result for inputs and terms that all moved a little, each its own way.

    Near a kink that several of them decide (which of two distances is larger, and is the hinge active), no
    single move shows what rounding all of them may do.
    """
    places, sums = list(_movable(oracle, case)), _movable_sums(oracle)
    rng = np.random.default_rng(len(places))
    share = bound * float(np.finfo(dtype).eps)
    for signs in rng.choice((-1, 0, 1), size=(JOINT_MOVES, len(places))):
        moved = case
        for (name, position), sign in zip(places, signs, strict=True):
            value = case.inputs[name][position]
            moved = moved.moved((name, position), value + sign * INPUT_ULPS * np.spacing(np.abs(value)))
        patterns = [PATTERNS[k] for k in rng.integers(len(PATTERNS), size=len(sums))]
        terms = {pair: rng.choice((-1, 0, 1)) * share for pair in zip(sums, patterns, strict=True)}
        truth = oracle.truth(moved, request, dtype, terms)
        if truth.ball is not None and truth.ball.is_finite():
            with _bits():
                if abs(arb(computed) - truth.ball.mid()) <= bound * _ulp(truth.ball, dtype):
                    return True
    for middle, terms_of_sums in rounded(oracle, case, request, dtype):
        with _bits():
            if abs(arb(computed) - middle) <= bound * _ulp(middle, dtype) + share * terms_of_sums:
                return True
    return False


Trial = tuple[Case, Request, dict[Any, float] | None]


def _trials(oracle: Oracle, case: Case, request: Request, share: float) -> Iterator[list[Trial]]:
    for place in _movable(oracle, case):
        name, position = place
        value = case.inputs[name][position]
        step = INPUT_ULPS * np.spacing(np.abs(value))
        with np.errstate(over="ignore"):
            moved = [value + step, value - step]
        yield [(case.moved(place, one), request, None) for one in moved if np.isfinite(one)]
    for node in _movable_sums(oracle):
        # All terms of a sum move one way; those of an extreme also apart, so that another one may win.
        for bit in PATTERNS if oracle.sums[node].op in ("max", "min") else (None,):
            yield [(case, request, {(node, bit): sign * share}) for sign in (1, -1)]
    yield [(case, request, {ITEMS: share}), (case, request, {ITEMS: -share})]
    # Kernels keep a positive recurrence as logarithms: sums with terms as large as the logarithm itself.
    for entry in oracle.observed(case).entries:
        yield [(case, request, {entry: share}), (case, request, {entry: -share})]
    for place, slope in request.tangent:
        # A product with the Hessian is a sum over the entries of the vector.
        step = share * abs(slope)
        rest = tuple(pair for pair in request.tangent if pair[0] != place)
        yield [
            (case, replace(request, tangent=(*rest, (place, float(slope + sign * step)))), None)
            for sign in (1, -1)
        ]


def _movable(oracle: Oracle, case: Case) -> Iterator[Place]:
    marked = marks(oracle.program)
    for tensor in oracle.program.inputs:
        array = case.inputs[tensor.name]
        if tensor.dtype == "int":
            continue
        mark = float(case.inputs[marked[tensor.name]]) if tensor.name in marked else None
        for position in np.ndindex(array.shape):
            value = float(array[position])
            label = tensor.domain in _LABELS and tensor.role == "target" and value in (1.0, -1.0)
            if not (label or value in (0.0, mark)):
                yield tensor.name, position


def _movable_sums(oracle: Oracle) -> list[int]:
    """Sums and extremes outside of all functions but powers.

    A log-sum-exp is not one of them: the logarithm of a sum near 1 must keep its relative accuracy.
    """
    powers = (sp.Pow, sp.Abs, sp.Max, sp.Min)
    outer = {node for term in oracle.program.terms for node in _reductions(term.value, powers)}
    return [k for k, node in enumerate(oracle.sums) if node in outer]


def _terms_overflow(oracle: Oracle, case: Case, dtype: Any) -> bool:
    """Whether a sum outside of all functions has absolute terms beyond the dtype."""
    exprs = [term.value for term in oracle.program.terms]
    exprs += [a.expr for stage in oracle.program.stages if isinstance(stage, Sweep) for a in stage.body]
    outer = {node for expr in exprs for node in _reductions(expr, ())}
    totals = {node: float(total.mid()) for node, total in oracle.observed(case).totals.items()}
    largest = float(np.finfo(dtype).max)
    return any(not totals.get(k, 0.0) <= largest for k, node in enumerate(oracle.sums) if node in outer)


def _reductions(expr: Any, through: tuple[type, ...]) -> set[Reduction]:
    """Sums and extremes that only sums, products, branches and the operations in `through` enclose."""
    if isinstance(expr, Reduction) and expr.op in ("sum", "max", "min"):
        return {expr} | _reductions(expr.body, through)
    enclosing: tuple[Any, ...] = (sp.Add, sp.Mul, *through)
    if isinstance(expr, enclosing):
        return {node for arg in expr.args for node in _reductions(arg, through)}
    if isinstance(expr, Where):
        return _reductions(expr.args[1], through) | _reductions(expr.args[2], through)
    return set()
