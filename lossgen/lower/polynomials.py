"""Polynomials by Horner's scheme, the long ones a step to a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossgen.algebra.polynomials import polynomial
from lossgen.lower import ir

if TYPE_CHECKING:
    from lossgen.lower.values import Lowering

# Coefficients that go into one expression.
_SHORT = 4


def horner(low: Lowering, expr: polynomial) -> ir.Expr:
    """Lower a polynomial; a long one with a line of the innermost scope for each step."""
    argument, *coefficients = expr.args
    w = low.float(argument)
    value: ir.Expr = low.float(coefficients[-1])
    for step, coefficient in enumerate(coefficients[-2::-1]):
        product = ir.Op("mul", (w, value), "float")
        value = product if coefficient == 0 else ir.Op("add", (low.float(coefficient), product), "float")
        if len(coefficients) > _SHORT and step < len(coefficients) - 2:
            value = low.let((expr, step), value, "series")
    return value
