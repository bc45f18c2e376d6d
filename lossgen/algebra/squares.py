"""Rows of the operator table around 1 + a**2, whose square overflows long before they end."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lossgen.algebra.operators import row, zero_at_zero

log1psq: Any = row(
    "log1psq",
    lambda a: sp.log(1 + a**2),
    (lambda a: 2 * over1psq(a),),
    ("real",),
    "nonnegative",
    None,
    zero_at_zero,
)
inv1psq: Any = row(
    "inv1psq",
    lambda a: 1 / (1 + a**2),
    (lambda a: -2 * over1psq(a) * inv1psq(a),),
    ("real",),
    "positive",
    None,
    lambda a: sp.S.One if a.is_zero else None,
)
over1psq: Any = row(
    "over1psq",
    lambda a: a / (1 + a**2),
    (lambda a: inv1psq(a) - 2 * over1psq(a) ** 2,),
    ("real",),
    "any",
    None,
    zero_at_zero,
)
sq1psq: Any = row(
    "sq1psq",
    lambda a: a**2 / (1 + a**2),
    (lambda a: 2 * over1psq(a) * inv1psq(a),),
    ("real",),
    "nonnegative",
    None,
    zero_at_zero,
)
# a / (1 + b**2), in range where a and the fraction are not; 0 where b is infinite.
timesinv1psq: Any = row(
    "timesinv1psq",
    lambda a, b: a / (1 + b**2),
    (lambda a, b: inv1psq(b), lambda a, b: -2 * over1psq(b) * timesinv1psq(a, b)),
    ("real", "real"),
    "any",
    None,
    zero_at_zero,
)
# What is left of log(1 + a**2) without a times half its slope; of fourth order near 0.
log1psqrest: Any = row(
    "log1psqrest",
    lambda a: sp.log(1 + a**2) - a**2 / (1 + a**2),
    (lambda a: 2 * a * over1psq(a) ** 2,),
    ("real",),
    "nonnegative",
    None,
    zero_at_zero,
)
