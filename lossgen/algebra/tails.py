"""Rows of the operator table for tails: what vanishes before its logarithm is taken."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lossgen.algebra.operators import row, zero_at_zero

# The complementary error function, twice the upper tail of a normal distribution: SymPy writes erfc(-u) as
# 2 - erfc(u), whose digits are gone where it is small.
tail: Any = row(
    "tail",
    lambda a: sp.erfc(a),
    (lambda a: -2 / sp.sqrt(sp.pi) * sp.exp(-(a**2)),),
    ("exponent",),
    "positive",
    r"\operatorname{{erfc}}\left({0}\right)",
)
logerfc: Any = row(
    "logerfc",
    lambda a: sp.log(sp.erfc(a)),
    (lambda a: -2 / sp.sqrt(sp.pi) * inverfcx(a),),
    ("exponent",),
    "any",
    r"\log\operatorname{{erfc}}\left({0}\right)",
    zero_at_zero,
)
# Its logarithm is nearly 0 on one side, where that of erfc is log(2).
loghalferfc: Any = row(
    "loghalferfc",
    lambda a: sp.log(sp.erfc(a) / 2),
    (lambda a: -2 / sp.sqrt(sp.pi) * inverfcx(a),),
    ("exponent",),
    "negative",
    r"\log\frac{{\operatorname{{erfc}}\left({0}\right)}}{{2}}",
)
# The density of a normal distribution over its tail.
inverfcx: Any = row(
    "inverfcx",
    lambda a: sp.exp(-(a**2)) / sp.erfc(a),
    (lambda a: 2 * inverfcx(a) * erfcxgap(a),),
    ("exponent",),
    "positive",
    r"\operatorname{{erfcx}}\left({0}\right)^{{-1}}",
)
loginverfcx: Any = row(
    "loginverfcx",
    lambda a: -(a**2) - sp.log(sp.erfc(a)),
    (lambda a: 2 * erfcxgap(a),),
    ("exponent",),
    "any",
    None,
    zero_at_zero,
)
# The difference of two nearly equal numbers far out, where it is about 1 / (2*a).
erfcxgap: Any = row(
    "erfcxgap",
    lambda a: sp.exp(-(a**2)) / (sp.sqrt(sp.pi) * sp.erfc(a)) - a,
    (lambda a: 2 * (a + erfcxgap(a)) * erfcxgap(a) - 1,),
    ("exponent",),
    "positive",
    None,
)
# An event before a time, where the hazard is exp(a): a itself where that is small.
log1mexpexp: Any = row(
    "log1mexpexp",
    lambda a: sp.log(1 - sp.exp(-sp.exp(a))),
    (lambda a: expshare(a),),
    ("exponent",),
    "negative",
    r"\log\left(1 - e^{{-e^{{{0}}}}}\right)",
)
expshare: Any = row(
    "expshare",
    lambda a: sp.exp(a) / (sp.exp(sp.exp(a)) - 1),
    (lambda a: -expshareslope(a),),
    ("exponent",),
    "positive",
    None,
)
expshareslope: Any = row(
    "expshareslope",
    lambda a: sp.exp(a) * (1 + (sp.exp(a) - 1) * sp.exp(sp.exp(a))) / (sp.exp(sp.exp(a)) - 1) ** 2,
    (
        lambda a: (
            expshareslope(a)
            + sp.exp(a) / (1 - sp.exp(-sp.exp(a))) * (sp.exp(a) * expshare(a) - 2 * expshareslope(a))
        ),
    ),
    ("exponent",),
    "positive",
    None,
)
