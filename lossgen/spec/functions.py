"""The functions that a formula may call, by their usual names, each as its exact meaning.

Only what every later stage can differentiate, evaluate and judge is here: a function that the backends cannot
write would fail after the formula was accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from lossgen.algebra.nodes import Where

__all__ = ["FUNCTIONS", "UNDERSTOOD", "Function"]

# SymPy's functions that may stand in a declaration, which is written with SymPy itself.
UNDERSTOOD: frozenset[type] = frozenset(
    (
        *(sp.exp, sp.log, sp.Abs, sp.sign, sp.floor, sp.ceiling, sp.Mod, sp.Max, sp.Min),
        *(sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.atan2),
        *(sp.sinh, sp.cosh, sp.tanh, sp.asinh, sp.acosh, sp.atanh),
        *(sp.erf, sp.erfc, sp.gamma, sp.loggamma, sp.digamma),
    )
)


@dataclass(frozen=True)
class Function:
    """How a function is built.

    Attributes
    ----------
    build : callable
        From its arguments.
    takes : str
        One letter for each argument: ``n`` a number, ``c`` a condition; ``n+`` is two or more numbers.
    largest : float
        Largest magnitude of a constant argument. Beyond it the result is no float64, and SymPy would write
        some of them as integers of any length.
    """

    build: Callable[..., Any]
    takes: str = "n"
    largest: float = 1e15


_ANY = float("inf")


def _condition(build: Callable[..., Any]) -> Function:
    return Function(build, "nn", _ANY)


FUNCTIONS: dict[str, Function] = {
    "exp": Function(sp.exp, largest=709),
    "log": Function(sp.log, largest=_ANY),
    "ln": Function(sp.log, largest=_ANY),
    "log1p": Function(lambda a: sp.log(1 + a)),
    "log2": Function(lambda a: sp.log(a) / sp.log(2), largest=_ANY),
    "log10": Function(lambda a: sp.log(a) / sp.log(10), largest=_ANY),
    "expm1": Function(lambda a: sp.exp(a) - 1, largest=709),
    "sqrt": Function(sp.sqrt, largest=_ANY),
    "Abs": Function(sp.Abs, largest=_ANY),
    "abs": Function(sp.Abs, largest=_ANY),
    "sign": Function(sp.sign, largest=_ANY),
    "Max": Function(sp.Max, "n+", _ANY),
    "max": Function(sp.Max, "n+", _ANY),
    "Min": Function(sp.Min, "n+", _ANY),
    "min": Function(sp.Min, "n+", _ANY),
    "sin": Function(sp.sin),
    "cos": Function(sp.cos),
    "tan": Function(sp.tan),
    "asin": Function(sp.asin),
    "acos": Function(sp.acos),
    "atan": Function(sp.atan),
    "sinh": Function(sp.sinh, largest=709),
    "cosh": Function(sp.cosh, largest=709),
    "tanh": Function(sp.tanh),
    "sech": Function(lambda a: 1 / sp.cosh(a), largest=709),
    "asinh": Function(sp.asinh),
    "acosh": Function(sp.acosh),
    "atanh": Function(sp.atanh),
    "erf": Function(sp.erf, largest=1e3),
    "erfc": Function(sp.erfc, largest=1e3),
    "gamma": Function(sp.gamma, largest=170),
    "loggamma": Function(sp.loggamma, largest=170),
    "lgamma": Function(sp.loggamma, largest=170),
    "sigmoid": Function(lambda a: 1 / (1 + sp.exp(-a)), largest=709),
    "expit": Function(lambda a: 1 / (1 + sp.exp(-a)), largest=709),
    "logit": Function(lambda a: sp.log(a / (1 - a))),
    "softplus": Function(lambda a: sp.log(1 + sp.exp(a)), largest=709),
    "logaddexp": Function(lambda a, b: sp.log(sp.exp(a) + sp.exp(b)), "nn", 709),
    "logcosh": Function(lambda a: sp.log(sp.cosh(a)), largest=709),
    "hypot": Function(lambda a, b: sp.sqrt(a**2 + b**2), "nn", 1e150),
    "xlogy": Function(lambda a, b: Where(sp.Eq(a, 0), 0, a * sp.log(b)), "nn"),
    "where": Function(Where, "cnn", _ANY),
    "Eq": _condition(sp.Eq),
    "Ne": _condition(sp.Ne),
    "Lt": _condition(sp.Lt),
    "Le": _condition(sp.Le),
    "Gt": _condition(sp.Gt),
    "Ge": _condition(sp.Ge),
}
