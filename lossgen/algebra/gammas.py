"""Rows of the operator table for the derivatives of the logarithm of the gamma function."""

from __future__ import annotations

from typing import Any

import sympy as sp

from lossgen.algebra.operators import row

digamma: Any = row(
    "digamma",
    lambda a: sp.polygamma(0, a),
    (lambda a: trigamma(a),),
    ("positive",),
    "any",
    r"\psi\left({0}\right)",
)
# Its own derivative is only needed by formulas that contain a digamma, which none may.
trigamma: Any = row(
    "trigamma",
    lambda a: sp.polygamma(1, a),
    (lambda a: sp.polygamma(2, a),),
    ("positive",),
    "positive",
    r"\psi_1\left({0}\right)",
)
