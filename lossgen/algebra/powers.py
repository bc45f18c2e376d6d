"""Rows of the vocabulary: powers of absolute values, and powers that leave the range of floating point.

Powers of absolute values are 0 at a = 0 for every exponent: the slope of a kink and of a pole is 0 there.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from lossgen.algebra.nodes import Where
from lossgen.algebra.operators import row, zero_at_zero


def _by_exponent(a: sp.Expr, power: sp.Expr) -> sp.Expr:
    return Where(sp.Eq(a, 0), 0, power * sp.log(sp.Abs(a)))


abspow: Any = row(
    "abspow",
    lambda a, b: Where(sp.Eq(a, 0), 0, sp.Abs(a) ** b),
    (lambda a, b: b * signpow(a, b - 1), lambda a, b: _by_exponent(a, abspow(a, b))),
    ("real", "real"),
    "nonnegative",
    r"\left|{0}\right|^{{{1}}}",
    zero_at_zero,
)
# The slope of abspow without its factor b.
signpow: Any = row(
    "signpow",
    lambda a, b: Where(sp.Eq(a, 0), 0, sp.sign(a) * sp.Abs(a) ** b),
    (lambda a, b: b * abspow(a, b - 1), lambda a, b: _by_exponent(a, signpow(a, b))),
    ("real", "real"),
    "any",
    r"\operatorname{{sign}}\left({0}\right) \left|{0}\right|^{{{1}}}",
    zero_at_zero,
)
# a * b**(c + n), n an integer from -2 to 2: in range where the power alone is not, and c + n is not rounded.
powered: Any = row(
    "powered",
    lambda a, b, c, n: a * b ** (c + n),
    (
        lambda a, b, c, n: b ** (c + n),
        lambda a, b, c, n: a * (c + n) * b ** (c + n - 1),
        lambda a, b, c, n: a * b ** (c + n) * sp.log(b),
    ),
    ("real", "positive", "real", "offset"),
    "any",
    None,
    zero_at_zero,
)
# 1, but 0 where a positive number is too small to be a normal one: its quotients and powers have lost digits.
normal: Any = row(
    "normal",
    lambda a: sp.S.One,
    (lambda a: sp.S.Zero,),
    ("positive",),
    "nonnegative",
    r"\left[{0} \text{{ is normal}}\right]",
)
# a * exp(b), in range where the exponential alone is not.
timesexp: Any = row(
    "timesexp",
    lambda a, b: a * sp.exp(b),
    (lambda a, b: sp.exp(b), lambda a, b: timesexp(a, b)),
    ("real", "real"),
    "any",
    r"{0} \cdot e^{{{1}}}",
    zero_at_zero,
)
# a * exp(b) * (exp(c) - 1), in range where neither exponential is.
timesexpm1: Any = row(
    "timesexpm1",
    lambda a, b, c: a * sp.exp(b) * (sp.exp(c) - 1),
    (
        lambda a, b, c: timesexpm1(1, b, c),
        lambda a, b, c: timesexpm1(a, b, c),
        lambda a, b, c: timesexp(a, b + c),
    ),
    ("real", "exponent", "exponent"),
    "any",
    None,
    zero_at_zero,
)
# a * exp(b) + c * exp(d) by the larger exponential, where both may be infinite.
expsum: Any = row(
    "expsum",
    lambda a, b, c, d: a * sp.exp(b) + c * sp.exp(d),
    (
        lambda a, b, c, d: sp.exp(b),
        lambda a, b, c, d: timesexp(a, b),
        lambda a, b, c, d: sp.exp(d),
        lambda a, b, c, d: timesexp(c, d),
    ),
    ("real", "exponent", "real", "exponent"),
    "any",
    None,
)
