"""Rows of the operator table for far away arguments: a part overflows or vanishes, the result does not."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lossgen.algebra.operators import row

# log(a / b), also where the quotient is no normal number.
logratio: Any = row(
    "logratio",
    lambda a, b: sp.log(a / b),
    (lambda a, b: 1 / a, lambda a, b: -1 / b),
    ("positive", "positive"),
    "any",
    r"\log\frac{{{0}}}{{{1}}}",
)
# a + b where a grows exponentially and b does not: once a is infinite, b no longer counts.
outgrown: Any = row(
    "outgrown",
    lambda a, b: a + b,
    (lambda a, b: sp.S.One, lambda a, b: sp.S.One),
    ("real", "real"),
    "any",
    r"{0} + {1}",
    lambda a, b: a if b.is_zero else None,
)
