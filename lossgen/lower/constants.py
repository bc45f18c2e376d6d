"""Constants, conversions, and an order of arguments that no hash seed changes."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import sympy as sp

from lossgen.errors import LossError
from lossgen.lower import ir

_DIGITS = 60


def integer(value: int) -> ir.Const:
    """Return an integer constant."""
    return ir.Const(Fraction(value), "int")


def real(value: int) -> ir.Const:
    """Return a floating-point constant."""
    return ir.Const(Fraction(value), "float")


def constant(expr: sp.Expr) -> ir.Const:
    """Return a floating-point constant: exact if rational, else to more digits than any dtype has."""
    if isinstance(expr, sp.Rational):
        return ir.Const(Fraction(int(expr.p), int(expr.q)), "float")
    if expr in (sp.oo, -sp.oo):
        return ir.Const(float(expr), "float")
    if expr is sp.nan or not expr.is_real:
        raise LossError(f"{expr} is no real number")
    with mpmath.workdps(_DIGITS):
        return ir.Const(Fraction(str(expr.evalf(_DIGITS))), "float")


def as_float(value: ir.Expr) -> ir.Expr:
    """Convert an integer value."""
    if value.type != "int":
        return value
    if isinstance(value, ir.Const):
        return ir.Const(value.value, "float")
    return ir.Op("float", (value,), "float")


def ordered(expr: sp.Expr) -> list[sp.Expr]:
    """Return the arguments in a fixed order; those of Max and Min with numbers last."""
    if isinstance(expr, sp.Max | sp.Min):
        return sorted(expr.args, key=lambda arg: (arg.is_number, sp.default_sort_key(arg)))
    if isinstance(expr, sp.Add | sp.Mul):
        return sorted(expr.args, key=sp.default_sort_key)
    return list(expr.args)
