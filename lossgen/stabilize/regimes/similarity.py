"""Finds the one small quantity that a sum depends on, apart from a product of powers of everything else.

``c**2*(sqrt(1 + ((x - y)/c)**2) - 1)`` is ``c**2`` times a function of ``u = (x - y)/c``, and
``y/x - log(y/x) - 1`` is a function of ``u = (y - x)/x``. Such a sum has a series in one variable, whatever
it consists of. The search tries small quantities that compare one input with others, and looks at numbers:
it needs no algebra.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product, zip_longest

import mpmath
import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.tensors import Element, elements
from lossgen.stabilize.regimes.numbers import Number, Numbers, UnknownError, number

# Powers with which a parameter scales a difference.
_POWERS = (1, -1, sp.S.Half, -sp.S.Half)
# Where similarity is tried: small quantities, and odd numbers for everything else.
_PROBES = (mpmath.mpf(3) / 64, mpmath.mpf(1) / 1024)
# The same for what may be negative.
_SHIFTS = (mpmath.mpf(13) / 16, mpmath.mpf(-29) / 64, mpmath.mpf(-13) / 16, mpmath.mpf(37))
_ONE, _USUAL = mpmath.mpf(1), mpmath.mpf(3)
_FAR = tuple(mpmath.mpf(k) / 64 for k in (-61, -37, 5, 43, 62))
_EXACT = mpmath.mpf(10) ** -40
_FACTORS = (mpmath.mpf(13) / 16, mpmath.mpf(29) / 64, mpmath.mpf(3) / 2**20, mpmath.mpf(5) * 2**18)


@dataclass(frozen=True)
class Frame:
    """A small quantity made of an input and other elements, and that input as a function of it.

    `other`: the input with which it is compared, where the quantity is their difference over their sum;
    `origin`: one of either sign with which it is compared, at 0 where all else is at 1.
    """

    small: sp.Expr
    lead: Callable[[Number, Numbers], Number]
    other: Element | None = None
    origin: Element | None = None


@dataclass(frozen=True)
class Profile:
    """A sum as a function of the small quantity, in high precision, at 1 for every other element."""

    terms: tuple[sp.Expr, ...]
    lead: Element
    frame: Frame
    others: tuple[Element, ...]

    def parts(
        self, u: Number, moved: Element | None = None, by: Number = 1, rest: Number = _ONE
    ) -> list[Number]:
        """Return the terms of the sum at `u`, one other element at `by` and all the others at `rest`."""
        values: dict[Element, Number] = dict.fromkeys(self.others, rest)
        if self.frame.origin is not None and rest == 1:
            values[self.frame.origin] = mpmath.mpf(0)
        if moved is not None:
            values[moved] = by
        return self.at(u, values)

    def at(self, u: Number, others: Numbers) -> list[Number]:
        """Return the terms of the sum at `u` and at numbers for the other elements."""
        values = {**others, self.lead: self.frame.lead(u, others)}
        return [number(term, values) for term in self.terms]

    def __call__(self, u: Number) -> Number:
        return mpmath.fsum(self.parts(u))

    def loss(self, u: Number) -> Number:
        """Return how many times larger the terms are than their sum."""
        parts = self.parts(u, rest=_USUAL)  # at 1 logarithms would vanish
        total = abs(mpmath.fsum(parts))
        return mpmath.inf if total == 0 else mpmath.fsum(map(abs, parts)) / total


def profiles(expr: sp.Add) -> Iterator[Profile]:
    """Yield the ways to look at a sum as a function of one small quantity."""
    terms = tuple(vo.exact(term) for term in expr.args)
    found = sorted(elements(expr), key=sp.default_sort_key)
    for lead in filter(_is_input, found):
        others = tuple(element for element in found if element != lead)
        for frame in _frames(lead, others):
            yield Profile(terms, lead, frame, others)


def _is_input(element: Element) -> bool:
    return element.tensor.role in ("pred", "target") and element.tensor.dtype == "float"


def _frames(lead: Element, others: Sequence[Element]) -> Iterator[Frame]:
    inputs = list(filter(_is_input, others))
    params = [e for e in others if e.tensor.role == "param" and e.is_positive]
    scales = [sp.S.One, *(p**power for p, power in product(params, _POWERS))]
    for other in inputs:
        if lead.is_nonnegative and other.is_positive:
            yield _symmetric(lead, other)
        for scale in scales:
            yield _linear(lead, other, scale)
        if other.is_positive:
            yield _linear(lead, other, other)
            yield _linear(lead, sp.S.Zero, other)
    for scale in scales:
        yield _linear(lead, sp.S.Zero, scale)


def _linear(lead: Element, anchor: sp.Expr, scale: sp.Expr) -> Frame:
    """The input is ``anchor + scale*u``."""
    difference = lead - anchor
    small = difference if scale == 1 else vo.quotient(difference, scale)
    origin = anchor if isinstance(anchor, Element) and not anchor.is_nonnegative else None
    return Frame(small, lambda u, values: number(anchor, values) + number(scale, values) * u, None, origin)


def _symmetric(lead: Element, other: Element) -> Frame:
    """The input over another one is ``(1 + u)/(1 - u)``."""
    small = vo.quotient(lead - other, lead + other)

    def place(u: Number, values: Numbers) -> Number:
        if abs(u) >= 1:
            raise UnknownError
        return values[other] * (1 + u) / (1 - u)

    return Frame(small, place, other)


def outer_factor(profile: Profile) -> sp.Expr | None:
    """Return the product of powers of the other elements with which the sum is F(u), or None."""
    factor = sp.S.One
    base = [profile(u) for u in _PROBES]
    if not all(base):
        return None
    for element in profile.others:
        # What may be negative must enter by a power that knows its sign.
        tried = _FACTORS if element.is_nonnegative else _SHIFTS
        ratios = [
            (by, mpmath.fsum(profile.parts(u, element, by)) / reference)
            for (u, reference), by in product(zip(_PROBES, base, strict=True), tried)
        ]
        found = {_rate(r, by) if element == profile.frame.origin else _power(r, by) for by, r in ratios}
        if len(found) > 1 or None in found:
            return None
        power = found.pop()
        factor *= sp.exp(power * element) if element == profile.frame.origin else element**power
    return factor if _separates(profile, factor, base) else None


def _separates(profile: Profile, factor: sp.Expr, base: Sequence[Number]) -> bool:
    """Whether a factor found by moving one element at a time holds where all are moved: a**b is 1 at 1."""
    values: dict[Element, Number] = {
        element: (_FACTORS if element.is_nonnegative else _SHIFTS)[k % 2] + mpmath.mpf(k) / 128
        for k, element in enumerate(profile.others)
    }
    scale = number(factor, values)
    moved = (mpmath.fsum(profile.at(u, values)) for u in _PROBES)
    return all(abs(one - scale * two) <= _EXACT * abs(one) for one, two in zip(moved, base, strict=True))


def _rate(ratio: Number, by: Number) -> sp.Rational | None:
    """Return the half-integer k of ``exp(k * by)`` that a ratio is."""
    if ratio <= 0:
        return None
    twice = 2 * mpmath.log(ratio) / by
    nearest = int(mpmath.nint(twice))
    return None if abs(twice - nearest) > _EXACT else sp.Rational(nearest, 2)


def _power(ratio: Number, by: Number) -> sp.Rational | None:
    """Return the half-integer power of `by` that a ratio is."""
    if ratio == 0:
        return None
    twice = 2 * mpmath.log(abs(ratio)) / mpmath.log(abs(by))
    nearest = int(mpmath.nint(twice))
    odd = nearest % 4 != 0
    if abs(twice - nearest) > _EXACT or (by < 0 and nearest % 2):
        return None
    negative = by < 0 and odd
    return sp.Rational(nearest, 2) if (ratio < 0) == negative else None


def product_form(profile: Profile, outer: sp.Expr, order: int) -> sp.Expr | None:
    """Return the sum as a product of powers of two positive inputs, their difference and their sum, or None.

    ``1/y - 1/x`` is ``(x - y)/(x*y)``.
    """
    other = profile.frame.other
    if other is None:
        return None

    def rest(u: Number) -> Number:
        return profile(u) / u**order

    # Unknown powers of 1 + u and 1 - u: the input is their ratio times the other one.
    u, v = mpmath.mpf(3) / 8, mpmath.mpf(-5) / 16
    lead = rest(_PROBES[1] ** 20)
    ratios = [rest(one) / lead if lead else mpmath.mpf(0) for one in (u, v)]
    if not all(ratios):
        return None  # a product of powers is 0 nowhere else
    logs = [mpmath.log(abs(one)) for one in ratios]
    rows = mpmath.matrix([[mpmath.log(1 + one), mpmath.log(1 - one)] for one in (u, v)])
    plus, minus = mpmath.lu_solve(rows, mpmath.matrix(logs))
    powers = [int(mpmath.nint(2 * one)) for one in (plus, minus)]
    coefficient = sp.Rational(Fraction(float(lead)).limit_denominator(64))
    c = mpmath.mpf(int(coefficient.p)) / int(coefficient.q)
    for far in _FAR:
        guess = c * (1 + far) ** (mpmath.mpf(powers[0]) / 2) * (1 - far) ** (mpmath.mpf(powers[1]) / 2)
        if abs(rest(far) - guess) > _EXACT * abs(guess):
            return None
    a, b = (sp.Rational(one, 2) for one in powers)
    x, y = profile.lead, other
    # u = (x - y)/(x + y), 1 + u = 2*x/(x + y), 1 - u = 2*y/(x + y).
    bases = outer.as_powers_dict()
    numeric = bases.pop(sp.S.One, sp.S.One)
    # The sum first: their difference over it is never large.
    exponents = {x - y: sp.Integer(order), x + y: -(order + a + b), x: a, y: b}
    for base, exponent in bases.items():
        exponents[base] = exponents.get(base, sp.S.Zero) + exponent
    return coefficient * 2 ** (a + b) * numeric * _in_turn(exponents)


def _in_turn(exponents: Mapping[sp.Expr, sp.Rational]) -> sp.Expr:
    """Return a product of powers, each factor divided by one of the divisors before the next one enters."""
    above = [base for base, power in exponents.items() for _ in range(int(power)) if power > 0]
    below = [base for base, power in exponents.items() for _ in range(int(-power)) if power < 0]
    roots = [base ** sp.sign(power) for base, power in exponents.items() if power.q == 2]
    above += [sp.sqrt(root) for root in roots if not isinstance(root, sp.Pow)]
    below += [sp.sqrt(1 / root) for root in roots if isinstance(root, sp.Pow)]
    result = sp.S.One
    for factor, divisor in zip_longest(above, below, fillvalue=sp.S.One):
        ratio = factor if divisor == 1 else vo.quotient(factor, divisor) if factor != 1 else 1 / divisor
        result = vo.quotient(result, divisor) if factor == 1 and result != 1 else result * ratio
    return result
