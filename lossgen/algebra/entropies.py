"""The row of the operator table that relative entropies and deviances are sums of."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lossgen.algebra.extremes import logratio
from lossgen.algebra.nodes import Where
from lossgen.algebra.operators import row

# Never negative, and of second order where its arguments are equal.
entropygap: Any = row(
    "entropygap",
    lambda a, b: Where(sp.Eq(a, 0), 0, a * sp.log(a / b)) - a + b,
    (lambda a, b: Where(sp.Eq(a, 0), -1, logratio(a, b)), lambda a, b: (b - a) / b),
    ("nonnegative", "positive"),
    "nonnegative",
    None,
    lambda a, b: b if a.is_zero else None,
)
# What an exponential rises above its tangent at the other argument.
expgap: Any = row(
    "expgap",
    lambda a, b: sp.exp(a) - sp.exp(b) - sp.exp(b) * (a - b),
    (lambda a, b: sp.exp(a) - sp.exp(b), lambda a, b: sp.exp(b) * (b - a)),
    ("exponent", "exponent"),
    "nonnegative",
    None,
)
