"""Rows of the vocabulary: powers of absolute values.

Both are 0 at a = 0 for every exponent: the slope of a kink and of a pole is 0 there.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from lossgen.algebra.nodes import Where
from lossgen.algebra.operators import row, zero_at


def _by_exponent(a: sp.Expr, power: sp.Expr) -> sp.Expr:
    return Where(sp.Eq(a, 0), 0, power * sp.log(sp.Abs(a)))


abspow: Any = row(
    "abspow",
    lambda a, b: Where(sp.Eq(a, 0), 0, sp.Abs(a) ** b),
    (lambda a, b: b * signpow(a, b - 1), lambda a, b: _by_exponent(a, abspow(a, b))),
    ("real", "real"),
    "nonnegative",
    r"\left|{0}\right|^{{{1}}}",
    zero_at(),
)
# The slope of abspow without its factor b.
signpow: Any = row(
    "signpow",
    lambda a, b: Where(sp.Eq(a, 0), 0, sp.sign(a) * sp.Abs(a) ** b),
    (lambda a, b: b * abspow(a, b - 1), lambda a, b: _by_exponent(a, signpow(a, b))),
    ("real", "real"),
    "any",
    r"\operatorname{{sign}}\left({0}\right) \left|{0}\right|^{{{1}}}",
    zero_at(),
)
