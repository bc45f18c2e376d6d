"""A bare SymPy expression as the text of a formula: both then have one meaning, one cache key, one pickle."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from lossgen.algebra.nodes import Where
from lossgen.errors import LossValueError
from lossgen.spec.functions import FUNCTIONS
from lossgen.spec.meaning import CONSTANTS

__all__ = ["assumed_domains", "written"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_CALLS: Mapping[type, str] = {
    function.build: name
    for name, function in reversed(FUNCTIONS.items())
    if isinstance(function.build, type) and issubclass(function.build, sp.Expr)
}
_WORDS = {"and", "or", "not", *CONSTANTS}


def written(expr: sp.Expr) -> str:
    """Return the text of a formula that means `expr`.

    Raises
    ------
    LossValueError
        Where formulas have no such function, number or symbol.
    """
    return _number(expr)


def assumed_domains(expr: sp.Expr) -> dict[str, str]:
    """Return the domains that the assumptions on the symbols of `expr` state.

    Raises
    ------
    LossValueError
        Where two symbols have one name.
    """
    found: dict[str, str] = {}
    for symbol in sorted(expr.free_symbols, key=str):
        if symbol.name in found:
            raise LossValueError(
                f"two symbols are called `{symbol.name}`, with different assumptions: use one"
            )
        facts = (("positive", symbol.is_positive), ("nonnegative", symbol.is_nonnegative), ("real", True))
        found[symbol.name] = next(domain for domain, holds in facts if holds)
    return {name: domain for name, domain in found.items() if domain != "real"}


def _number(expr: sp.Basic) -> str:
    for name, constant in CONSTANTS.items():
        if expr == constant:
            return name
    match expr:
        case sp.Symbol():
            return _symbol(expr)
        case sp.Integer():
            return f"({expr})" if expr.is_negative else str(expr)
        case sp.Rational():
            return f"({expr.p}/{expr.q})"
        case sp.Float():
            return f"({expr})"
        case sp.Add():
            return f"({_terms(expr)})"
        case sp.Mul():
            return f"({'*'.join(map(_number, expr.args))})"
        case sp.Pow() if expr.exp == sp.S.Half:
            return f"sqrt({_number(expr.base)})"
        case sp.Pow():
            return f"({_number(expr.base)}**{_number(expr.exp)})"
        case sp.Piecewise():
            return _pieces(expr)
        case Where():
            test, first, second = expr.args
            return f"where({_condition(test)}, {_number(first)}, {_number(second)})"
    function = _CALLS.get(type(expr))
    if function is None:
        raise LossValueError(f"`{type(expr).__name__}` is not part of formulas: {_excerpt(expr)}")
    return f"{function}({', '.join(map(_number, expr.args))})"


def _terms(expr: sp.Add) -> str:
    first, *rest = sorted(expr.as_ordered_terms(), key=lambda term: term.could_extract_minus_sign())
    text = _number(first)
    for term in rest:
        minus = term.could_extract_minus_sign()
        text += f" - {_number(-term)}" if minus else f" + {_number(term)}"
    return text


def _symbol(symbol: sp.Symbol) -> str:
    name: str = symbol.name
    if not _NAME.match(name) or name in _WORDS:
        raise LossValueError(
            f"the symbol {name[:40]!r} cannot be an argument: names are ASCII letters, digits and `_`, and "
            f"{', '.join(sorted(_WORDS))} are taken"
        )
    return name


def _pieces(expr: sp.Piecewise) -> str:
    *pieces, last = expr.args
    if last.cond != sp.true:
        raise LossValueError(
            f"this Piecewise does not say what holds otherwise, add (..., True): {_excerpt(expr)}"
        )
    text = _number(last.expr)
    for piece in reversed(pieces):
        text = f"where({_condition(piece.cond)}, {_number(piece.expr)}, {text})"
    return text


def _condition(test: Boolean) -> str:
    match test:
        case Relational():
            return f"{_number(test.lhs)} {test.rel_op} {_number(test.rhs)}"
        case sp.And():
            return f"({' and '.join(map(_condition, test.args))})"
        case sp.Or():
            return f"({' or '.join(map(_condition, test.args))})"
        case sp.Not():
            return f"(not {_condition(test.args[0])})"
    raise LossValueError(f"`{type(test).__name__}` is no condition of formulas: {_excerpt(test)}")


def _excerpt(expr: sp.Basic) -> str:
    text = str(expr)
    return text if len(text) <= 60 else f"{text[:60]}..."
