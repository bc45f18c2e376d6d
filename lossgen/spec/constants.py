"""Constants of formulas are exact: the 0.1 of a formula is 1/10."""

from __future__ import annotations

from fractions import Fraction

import sympy as sp

from lossgen.errors import SpecError

__all__ = ["exact", "rational"]

# Of 2: float64 ends at 1024, and its smallest number is 2**-1074.
_LARGEST_EXPONENT = 1100


def exact(number: int | float | Fraction) -> sp.Rational | None:
    """Return a number of Python as the fraction that it is written as; None where it is not finite."""
    return sp.Rational(str(number)) if number - number == 0 else None


def rational(expr: sp.Expr) -> sp.Expr:
    """Return an expression whose floats are fractions.

    Raises
    ------
    SpecError
        If one is far beyond float64: written as a fraction, ``exp(1e300)`` has more digits than memory holds.
    """
    numbers = expr.atoms(sp.Float)
    for number in numbers:
        _, mantissa, exponent, bits = number._mpf_
        if mantissa and abs(exponent + bits) > _LARGEST_EXPONENT:
            raise SpecError("a constant is beyond float64", fix="correct the constants of the formula")
    return expr.xreplace({number: sp.Rational(str(number)) for number in numbers})
