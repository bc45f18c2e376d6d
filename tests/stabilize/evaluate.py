"""Evaluates expressions of the algebra, slowly and plainly: in high precision, or in float64 as a kernel
would.

``HIGH`` computes the exact meaning of every node with mpmath; ``FLOAT`` computes vocabulary functions by
the stable forms that the kernels use, and everything else as IEEE arithmetic does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from scipy import special

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Delta, Detach, Reduction, Where
from lossgen.algebra.polynomials import polynomial
from lossgen.algebra.tensors import Element

from .tails import TAILS

DIGITS = 120
INF = math.inf


@dataclass(frozen=True)
class Arithmetic:
    """How to make a number of a rational, and the functions by SymPy class."""

    number: Callable[[Any], Any]
    functions: Mapping[type, Callable[..., Any]]
    power: Callable[[Any, Any], Any]


def evaluate(expr: Any, values: Mapping[str, Any], arithmetic: Arithmetic, **bound: int) -> Any:
    """Return the value of `expr`; `values` maps names of tensors to numbers or nested lists, names of axes
    to extents.
    """
    return _Walk(values, arithmetic)(expr, bound)


class _Walk:
    def __init__(self, values: Mapping[str, Any], arithmetic: Arithmetic) -> None:
        self.values, self.arithmetic = values, arithmetic

    def __call__(self, e: Any, bound: Mapping[str, int]) -> Any:
        if isinstance(e, sp.logic.boolalg.BooleanAtom):
            return bool(e)
        if isinstance(e, Index):
            return bound[e.name]
        if isinstance(e, Axis):
            return self.values[e.name]
        if isinstance(e, Element):
            entry = self.values[e.tensor.name]
            for position in e.positions:
                entry = entry[int(self(position, bound))]
            return entry if e.tensor.dtype == "int" else self.arithmetic.number(entry)
        if isinstance(e, Where):
            return self(e.args[1 if self(e.args[0], bound) else 2], bound)
        if isinstance(e, Reduction):
            return self.reduction(e, bound)
        if isinstance(e, vo.logshare):
            return self.share(e, bound)
        if isinstance(e, sp.And):
            # SymPy sorts the parts; those that read entries come last, because the others may say where it is
            # allowed.
            return all(self(part, bound) for part in sorted(e.args, key=lambda part: part.has(Element)))
        if e is sp.S.NegativeInfinity:
            return -self.arithmetic.number(INF)
        if e.is_Rational or e.is_NumberSymbol:
            return self.arithmetic.number(e)
        args = [self(arg, bound) for arg in e.args]
        if isinstance(e, sp.Pow):
            return self.arithmetic.power(*args)
        function = next((f for kind, f in self.arithmetic.functions.items() if isinstance(e, kind)), None)
        if function is None and isinstance(e, vo.StableFunction):
            return self(e.row.exact(*e.args), bound)
        return (_PLAIN[type(e)] if function is None else function)(*args)

    def terms(self, e: Reduction, bound: Mapping[str, int]) -> list[Any]:
        extent = self.values[e.index.axis.name]
        return [self(e.body, {**bound, e.index.name: k}) for k in range(extent)]

    def reduction(self, e: Reduction, bound: Mapping[str, int]) -> Any:
        terms = self.terms(e, bound)
        functions = self.arithmetic.functions
        if e.op in ("argmax", "argmin"):
            return terms.index((max if e.op == "argmax" else min)(terms))
        if e.op == "lse":
            top, rest = self.pair(terms)
            return top + rest
        if e.op == "norm":
            scale = max(map(abs, terms))
            power = None if e.power is None else self(e.power, bound)
            if scale == 0 or power is None:
                return scale and scale * functions[_Root](sum((t / scale) ** 2 for t in terms))
            total = sum(self.arithmetic.power(abs(t) / scale, power) for t in terms)
            return scale * self.arithmetic.power(total, 1 / power)
        return {"sum": sum, "max": max, "min": min}[e.op](terms)

    def pair(self, terms: list[Any]) -> tuple[Any, Any]:
        top = terms.index(max(terms))
        if terms[top] == -INF:
            return terms[top], 0
        exp, log1p = self.arithmetic.functions[sp.exp], self.arithmetic.functions[vo.log1p]
        return terms[top], log1p(sum(exp(t - terms[top]) for k, t in enumerate(terms) if k != top))

    def share(self, e: Any, bound: Mapping[str, int]) -> Any:
        entry, (top, rest) = self(e.args[0], bound), self.pair(self.terms(e.args[1], bound))
        return entry if entry == -INF else (entry - top) - rest


class _Root:
    """Key of the square root among the functions."""


_PLAIN: dict[type, Callable[..., Any]] = {
    sp.Add: lambda *args: sum(args[1:], args[0]),
    sp.Mul: lambda *args: math.prod(args[1:], start=args[0]),
    sp.Abs: abs,
    sp.sign: lambda a: (a > 0) - (a < 0),
    sp.Max: max,
    sp.Min: min,
    sp.floor: math.floor,
    sp.Mod: lambda a, b: a % b,
    polynomial: lambda w, *c: reduce(lambda total, one: total * w + one, reversed(c)),
    Delta: lambda i, j: int(i == j),
    Detach: lambda a: a,
    sp.Gt: lambda a, b: a > b,
    sp.Ge: lambda a, b: a >= b,
    sp.Lt: lambda a, b: a < b,
    sp.Le: lambda a, b: a <= b,
    sp.Eq: lambda a, b: a == b,
    sp.Ne: lambda a, b: a != b,
    sp.StrictGreaterThan: lambda a, b: a > b,
    sp.Or: lambda *args: any(args),
    sp.Not: lambda a: not a,
}


def _high_number(value: Any) -> Any:
    if isinstance(value, sp.Rational):
        return mpmath.mpf(int(value.p)) / int(value.q)
    return mpmath.mpf(str(sp.N(value, DIGITS))) if isinstance(value, sp.Expr) else mpmath.mpf(value)


def _high_log(a: Any) -> Any:
    return -mpmath.inf if a == 0 else mpmath.log(a)


def _high_polygamma(order: Any, a: Any) -> Any:
    # Nothing cancels in it, and its cost grows fast with the digits.
    with mpmath.workdps(min(mpmath.mp.dps, DIGITS)):
        return mpmath.psi(int(order), a)


HIGH = Arithmetic(
    _high_number,
    {
        sp.exp: mpmath.exp,
        sp.log: _high_log,
        sp.tanh: mpmath.tanh,
        sp.cosh: mpmath.cosh,
        vo.log1p: lambda a: _high_log(1 + a),
        sp.polygamma: _high_polygamma,
        sp.erf: mpmath.erf,
        sp.erfc: mpmath.erfc,
        **{getattr(sp, name): getattr(mpmath, name) for name in ("sin", "cos", "sinh", "atan", "asinh")},
        # Defined as limits where a logarithm is minus infinity.
        vo.firstshare: lambda a, b: 0 if a == -INF else 1 / (1 + mpmath.exp(b - a)),
        vo.alive: lambda a: int(a != -INF),
        vo.gated: lambda a, b: 0 if a == 0 else a * b,
        _Root: mpmath.sqrt,
    },
    lambda a, b: mpmath.mpf(a) ** b,
)


def _float_function(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.float64(function(*map(np.float64, args)))

    return wrapped


def _softplus(a: Any) -> Any:
    return max(a, 0.0) + np.log1p(np.exp(-abs(a)))


def _sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a)) if a >= 0 else np.exp(a) / (1 + np.exp(a))


def _log1mexp(a: Any) -> Any:
    return np.log(-np.expm1(a)) if a > -math.log(2) else np.log1p(-np.exp(a))


def _logaddexp(a: Any, b: Any) -> Any:
    return -INF if a == b == -INF else np.logaddexp(a, b)


def _series(a: Any, direct: Callable[[Any], Any], first: int, term: Callable[[Any, int], Any]) -> Any:
    return sum(term(a, k) for k in range(first + 40, first - 1, -1)) if abs(a) < 0.3 else direct(a)


def _log1psqrest(a: Any) -> Any:
    # w - log1p(w) at w = -v / (1 + v), which keeps its digits while v is small.
    if abs(a) < 0.5:
        return _FLOAT_FUNCTIONS[vo.xmlog1p](-a * a / (1 + a * a))
    return _FLOAT_FUNCTIONS[vo.log1psq](a) - a / (a + 1 / a)


def _powered(a: Any, b: Any, c: Any, n: Any) -> Any:
    if abs(c) >= 0.5:
        c, n = c + n, 0
    root = b ** (c / 2)
    return 0.0 if a == 0 or root == 0 else a * root * b**n * root


_FLOAT_FUNCTIONS: dict[type, Callable[..., Any]] = {
    vo.digamma: special.digamma,
    **TAILS,
    vo.trigamma: lambda a: special.polygamma(1, a),
    sp.exp: np.exp,
    sp.log: np.log,
    sp.tanh: np.tanh,
    sp.cosh: np.cosh,
    sp.sign: np.sign,
    sp.Add: lambda *args: sum(args[1:], args[0]),
    sp.Mul: lambda *args: math.prod(args[1:], start=args[0]),
    vo.log1p: np.log1p,
    vo.expm1: np.expm1,
    vo.sigmoid: _sigmoid,
    vo.softplus: _softplus,
    vo.omexp: lambda a: -np.expm1(a),
    vo.log1mexp: _log1mexp,
    vo.logaddexp: _logaddexp,
    vo.firstshare: lambda a, b: 0.0 if a == -INF else _sigmoid(a - b),
    vo.gated: lambda a, b: 0.0 if a == 0 else a * b,
    vo.powered: _powered,
    vo.alive: lambda a: 0.0 if a == -INF else 1.0,
    vo.normal: lambda a: 1.0 if a >= 2.0**-1022 else 0.0,
    vo.timesexpm1: lambda a, b, c: a * np.exp(b / 2) * np.expm1(c) * np.exp(b / 2),
    vo.expsum: lambda a, b, c, d: a * np.exp(b) + c * np.exp(d),
    vo.timesexp: lambda a, b: 0.0 if a == 0 else a * np.exp(b / 2) * np.exp(b / 2),
    vo.logsoftplus: lambda a: a if a < -40 else np.log(_softplus(a)),
    vo.sqdiv: lambda a, b: a * (a / b),
    vo.logcosh: lambda a: (
        np.log1p(2 * np.sinh(a / 2) ** 2)
        if abs(a) < 0.5
        else abs(a) + np.log1p(np.exp(-2 * abs(a))) - math.log(2)
    ),
    vo.sech2: lambda a: 4 * _sigmoid(2 * a) * _sigmoid(-2 * a),
    vo.xlogy: lambda a, b: 0.0 if a == 0 else a * np.log(b),
    vo.xlog1py: lambda a, b: 0.0 if a == 0 else a * np.log1p(b),
    vo.hypot: np.hypot,
    vo.entropygap: lambda a, b: (
        b
        if a == 0
        else a * _FLOAT_FUNCTIONS[vo.xmlog1p]((b - a) / a)
        if abs(b - a) < 0.375 * a
        else a * (_FLOAT_FUNCTIONS[vo.logratio](a, b) - 1) + b
    ),
    vo.outgrown: lambda a, b: a if abs(a) == INF else a + b,
    vo.logratio: lambda a, b: np.log(a / b) if 2.0**-1022 <= a / b < INF else np.log(a) - np.log(b),
    vo.xmlog1p: lambda a: _series(a, lambda u: u - np.log1p(u), 2, lambda u, k: (-u) ** k / k),
    vo.expm1mx: lambda a: _series(a, lambda u: np.expm1(u) - u, 2, lambda u, k: u**k / math.factorial(k)),
    vo.log1psq: lambda a: np.log1p(a * a) if abs(a) < 1e8 else 2 * np.log(abs(a)),
    vo.inv1psq: lambda a: 1 / (1 + a * a) if abs(a) < 1 else 1 / a / (a + 1 / a),
    vo.over1psq: lambda a: a / (1 + a * a) if abs(a) < 1 else 1 / (a + 1 / a),
    vo.timesinv1psq: lambda a, b: a / (1 + b * b) if abs(b) < 1 else a / b / (b + 1 / b),
    vo.timessech2: lambda a, b: a / np.cosh(b) / np.cosh(b),
    vo.sq1psq: lambda a: a * a / (1 + a * a) if abs(a) < 1 else 1 / (1 + (1 / a) ** 2),
    vo.log1psqrest: _log1psqrest,
    vo.softplusrest: lambda a: _log1psqrest(np.exp(a / 2)) if a < 300 else a - 1,
    _Root: np.sqrt,
}

FLOAT = Arithmetic(
    lambda value: np.float64(value),
    {kind: _float_function(function) for kind, function in _FLOAT_FUNCTIONS.items()},
    _float_function(lambda a, b: a**b),
)
