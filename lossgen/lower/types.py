"""Type of an expression in a kernel: float, int or bool."""

from __future__ import annotations

from functools import cache

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Delta, Detach, Reduction, Where
from lossgen.algebra.tensors import Element
from lossgen.lower.ir import Type
from lossgen.lower.parts import full_size

_KEEP_INTEGER = (sp.Add, sp.Mul, sp.Max, sp.Min, sp.Abs, sp.Mod, Detach)


@cache
def type_of(expr: sp.Basic) -> Type:
    """Return the type that the value of `expr` has in a kernel; integers stay integers as long as they
    can.
    """
    # Symbols first: SymPy counts them among the truth values.
    if isinstance(expr, sp.Integer | Index | Axis | Delta | full_size):
        return "int"
    if isinstance(expr, Boolean):
        return "bool"
    if isinstance(expr, Element):
        return "int" if expr.tensor.dtype == "int" else "float"
    if isinstance(expr, Reduction):
        return (
            "int"
            if expr.op.startswith("arg")
            else ("float" if expr.op in ("lse", "norm") else type_of(expr.body))
        )
    if isinstance(expr, Where):
        if all(isinstance(arg, sp.Integer) for arg in expr.args[1:]) and _on_numbers(expr.args[0]):
            return "float"  # A step: no integer could be NaN where one of the compared numbers is.
        return "int" if type_of(expr.args[1]) == type_of(expr.args[2]) == "int" else "float"
    if isinstance(expr, sp.floor | sp.ceiling):
        return "int" if whole(expr.args[0]) else "float"
    if isinstance(expr, sp.Pow):
        return "int" if type_of(expr.base) == "int" and expr.exp.is_Integer and expr.exp >= 0 else "float"
    if isinstance(expr, _KEEP_INTEGER) and all(type_of(arg) == "int" for arg in expr.args):
        return "int"
    return "float"


def _on_numbers(condition: sp.Basic) -> bool:
    """Tell whether a condition compares floating-point numbers."""
    relations = condition.atoms(sp.core.relational.Relational)
    return any("float" in map(type_of, relation.args) for relation in relations)


def counts(expr: sp.Basic) -> bool:
    """Tell whether `expr` is a small whole number though not an integer in a kernel, because it has steps."""
    if isinstance(expr, Where):
        return all(counts(arg) or isinstance(arg, sp.Integer) for arg in expr.args[1:])
    signed = isinstance(expr, sp.Mul) and len(expr.args) == 2 and expr.args[0] == -1
    return signed and counts(expr.args[1])


def whole(expr: sp.Expr) -> bool:
    """Tell whether `expr` is a rational combination of integers, so that its floor is an integer division."""
    if isinstance(expr, sp.Add):
        return all(map(whole, expr.args))
    coefficient, rest = expr.as_coeff_Mul()
    return bool(coefficient.is_Rational and type_of(rest) == "int")
