"""Gives a sum that cancels a branch of its own for small quantities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import mpmath
import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Delta, Detach, Reduction, Where
from lossgen.algebra.tensors import Element
from lossgen.derive.model import Routine
from lossgen.stabilize.regimes.numbers import DIGITS, UnknownError
from lossgen.stabilize.regimes.series import Series, fit, leading_order
from lossgen.stabilize.regimes.similarity import Profile, outer_factor, product_form, profiles
from lossgen.stabilize.rule import Rewrite
from lossgen.stabilize.walk import map_stage

# A sum whose terms are this many times larger than itself at a small quantity has lost digits.
_CANCELS = 2**8
_SMALL = mpmath.mpf(2) ** -20
# Beyond a branch the terms are at most this many times larger than their sum, if a polynomial reaches so far.
_BEARABLE = 6
_WIDTHS = tuple(sp.Rational(k, 8) for k in (1, 2, 3, 4, 6, 8))
# Larger sums are left alone: the search is not worth its time.
_MOST_TERMS = 12
_FAR = tuple(mpmath.mpf(k) / 64 for k in (-191, -101, -31, 37, 149, 1733))
# Numbers at a few places do not show where a choice changes.
_FOREIGN = (Reduction, Delta, Detach, Index, Axis, sp.Gt, sp.Ge, sp.Lt, sp.Le, sp.Max, sp.Min)


def with_regimes(routine: Routine) -> Routine:
    """Return the routine with a branch in each sum that cancels; equal to it but for the rounding of a
    series.
    """
    return with_regimes_and_record(routine)[0]


def with_regimes_and_record(routine: Routine) -> tuple[Routine, tuple[Rewrite, ...]]:
    """Return the routine with its branches, and each sum that got one."""
    regimes = _Regimes()
    branched = replace(
        routine,
        steps=tuple(map_stage(step, regimes) for step in routine.steps),
        results=tuple(map(regimes, routine.results)),
    )
    return branched, tuple(regimes.record)


class _Regimes:
    def __init__(self) -> None:
        self.record: list[Rewrite] = []
        self._memo: dict[sp.Basic, sp.Basic] = {}

    def __call__(self, expr: sp.Basic) -> sp.Basic:
        if not expr.args or isinstance(expr, Element | Reduction):
            return expr
        if expr not in self._memo:
            self._memo[expr] = self._rewritten(expr)
        return self._memo[expr]

    def _rewritten(self, expr: sp.Basic) -> sp.Basic:
        if isinstance(expr, sp.Add):
            branched = branch(expr)
            if branched is not None:
                self.record.append(Rewrite("series", expr, branched))
                return branched
        args = [self(arg) for arg in expr.args]
        return expr if all(a is b for a, b in zip(args, expr.args, strict=True)) else expr.func(*args)


@lru_cache(maxsize=1024)
def branch(expr: sp.Add) -> sp.Expr | None:
    """Return a sum with a series where it cancels, or None where it does not, or nothing is found."""
    if len(expr.args) > _MOST_TERMS or expr.has(*_FOREIGN) or _is_benign(expr):
        return None
    found: list[tuple[int, sp.Expr]] = []
    with mpmath.workdps(DIGITS):
        ways = list(profiles(expr))
        cancelling = [one for one in ways if _loss(one, _SMALL) >= _CANCELS]
        if cancelling:
            found += _tried(_whole, [one for one in ways if one.frame.other is not None])
        if not found:
            found += _tried(lambda profile: _branched(expr, profile), cancelling)
    return min(found, key=lambda pair: pair[0])[1] if found else None


Found = tuple[int, sp.Expr]


def _tried(way: Callable[[Profile], Found | None], ways: list[Profile]) -> list[Found]:
    """Return the forms that were found, each with its length."""
    found = []
    for profile in ways:
        try:
            one = way(profile)
        except UnknownError:
            continue
        if one is not None:
            found.append(one)
    return found


def _is_benign(expr: sp.Add) -> bool:
    """Whether each term is a number or a power of an input of its own: rounding it moves that input."""
    read: list[Element] = []
    for term in map(vo.exact, expr.args):  # guards do not round
        base, power = term.as_coeff_Mul()[1].as_base_exp()
        if term.is_number:
            continue
        if not isinstance(base, Element) or not power.is_Rational or abs(power) < sp.S.Half:
            return False
        read.append(base)
    return len(set(read)) == len(read)


def _whole(profile: Profile) -> Found | None:
    outer, order = outer_factor(profile), leading_order(profile)
    form = None if outer is None or order is None else product_form(profile, outer, order)
    return None if form is None else (0, form)


def _branched(expr: sp.Add, profile: Profile) -> Found | None:
    """Return a form of the sum, and its length."""
    outer = outer_factor(profile)
    if outer is None:
        return None
    # The narrowest branch beyond which little cancels, or else the widest that a polynomial reaches.
    wide = next((k for k, width in enumerate(_WIDTHS) if _bearable(profile, width)), len(_WIDTHS) - 1)
    fits = (fit(profile, width) for width in reversed(_WIDTHS[: wide + 1]))
    series = next((one for one in fits if one is not None), None)
    if series is None:
        return None
    small = profile.frame.small
    near = outer * series.power(small) * series.polynomial(small)
    if _everywhere(series, profile):
        return 1, near
    return 1 + len(series.coefficients), Where(sp.Lt(sp.Abs(small), series.width), near, expr)


def _everywhere(series: Series, profile: Profile) -> bool:
    """Whether a sum is one power of the small quantity, whatever that is."""
    if len(series.coefficients) > 1 or series.kink:
        return False
    coefficient = mpmath.mpf(int(series.coefficients[0].p)) / int(series.coefficients[0].q)
    for u in _FAR:
        try:
            if abs(coefficient * u**series.order / profile(u) - 1) > _SMALL**4:
                return False
        except UnknownError:
            continue
    return True


def _bearable(profile: Profile, width: sp.Rational) -> bool:
    t = mpmath.mpf(int(width.p)) / int(width.q)
    return all(_loss(profile, u) <= _BEARABLE for u in (t, -t))


def _loss(profile: Profile, u: mpmath.mpf) -> mpmath.mpf:
    try:
        return profile.loss(u)
    except UnknownError:
        return mpmath.mpf(0)
