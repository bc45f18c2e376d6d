"""The rules that every derivative shares: of sums, products and choices, and the chain rule."""

from __future__ import annotations

from abc import ABC, abstractmethod

import sympy as sp

from lossgen.algebra.nodes import Delta, Detach, Reduction, Where
from lossgen.algebra.tensors import Element
from lossgen.algebra.vocabulary import StableFunction, digamma, xlogy
from lossgen.errors import SpecError


class Slope(ABC):
    """A derivative as a function of expressions, each of which is differentiated once."""

    def __init__(self) -> None:
        self.memo: dict[sp.Expr, sp.Expr] = {}

    def __call__(self, expr: sp.Expr) -> sp.Expr:
        if expr not in self.memo:
            self.memo[expr] = self._rule(expr) if self._moves(expr) else sp.S.Zero
        return self.memo[expr]

    @abstractmethod
    def _moves(self, expr: sp.Expr) -> bool:
        """Whether an expression reads what is differentiated by."""

    @abstractmethod
    def _element(self, expr: Element) -> sp.Expr:
        """Return the derivative of an entry."""

    @abstractmethod
    def _reduction(self, expr: Reduction) -> sp.Expr:
        """Return the derivative of a reduction."""

    @abstractmethod
    def _special(self, expr: sp.Expr) -> sp.Expr | None:
        """Return a derivative that is better than that of the chain rule, None where there is none."""

    def _rule(self, expr: sp.Expr) -> sp.Expr:
        if isinstance(expr, Element):
            return self._element(expr)
        if isinstance(expr, sp.Add):
            return sp.Add(*map(self, expr.args))
        if isinstance(expr, sp.Mul):
            return sp.Add(
                *(
                    sp.Mul(*expr.args[:i], self(arg), *expr.args[i + 1 :])
                    for i, arg in enumerate(expr.args)
                    if self(arg) != 0
                )
            )
        if isinstance(expr, Detach | Delta):
            return sp.S.Zero
        if isinstance(expr, Where):
            test, a, b = expr.args
            return Where(test, self(a), self(b))
        if isinstance(expr, Reduction):
            return self._reduction(expr)
        if (found := self._special(expr)) is not None:
            return found
        return sp.Add(*(factor * self(arg) for arg, factor in partials(expr) if self(arg) != 0))


def partials(expr: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]]:
    """Return (argument, partial derivative by it) of a function of plain numbers."""
    if isinstance(expr, sp.Pow):
        base, exponent = expr.args
        found = [(base, exponent * base ** (exponent - 1))]
        return found if exponent.is_number else [*found, (exponent, expr * sp.log(base))]
    if isinstance(expr, sp.log) and isinstance(expr.args[0], sp.Mul):
        return _log_of_product(expr.args[0])
    if isinstance(expr, xlogy) and isinstance(expr.args[1], sp.Mul):
        switch, product = expr.args
        inner = [(arg, Where(sp.Eq(switch, 0), 0, switch * slope)) for arg, slope in _log_of_product(product)]
        return [(switch, expr.fdiff(1)), *inner]
    if isinstance(expr, sp.Abs):
        return [(expr.args[0], sp.sign(expr.args[0]))]
    if isinstance(expr, sp.sign | sp.floor | sp.ceiling | sp.Mod | sp.Heaviside):
        return [(arg, sp.S.Zero) for arg in expr.args]
    if isinstance(expr, sp.Max | sp.Min):
        return _extremum(expr)
    if isinstance(expr, sp.gamma | sp.loggamma):
        # SymPy's polygamma has its order as an argument.
        slope = digamma(expr.args[0])
        return [(expr.args[0], slope if isinstance(expr, sp.loggamma) else expr * slope)]
    if isinstance(expr, sp.Function | StableFunction):
        return [(arg, expr.fdiff(i + 1)) for i, arg in enumerate(expr.args)]
    raise SpecError(
        f"`{type(expr).__name__}` has no derivative here: {expr}",
        fix="write the formula with the functions of lossgen.spec",
    )


def _log_of_product(product: sp.Mul) -> list[tuple[sp.Expr, sp.Expr]]:
    """Factor by factor: the slope of a quotient is a difference of large terms, to be divided again."""
    powers = [factor.as_base_exp() for factor in product.args]
    if not all(exponent.is_number for _, exponent in powers):
        return [(product, 1 / product)]
    return [(base, exponent / base) for base, exponent in powers if not base.is_number]


def _extremum(expr: sp.Expr) -> list[tuple[sp.Expr, sp.Expr]]:
    """Max(a, 0): the strict winner takes all. Max(a, b): a tie is split evenly among those that vary."""
    beats = sp.Gt if isinstance(expr, sp.Max) else sp.Lt
    varying = [arg for arg in expr.args if not arg.is_number]
    found = []
    for arg in varying:
        others = [other for other in expr.args if other != arg]
        strict = sp.And(*(beats(arg, other) for other in others))
        if len(varying) == 2 and len(expr.args) == 2:
            found.append((arg, Where(strict, 1, Where(sp.Eq(*varying), sp.Rational(1, 2), 0))))
        else:
            found.append((arg, Where(strict, sp.S.One, sp.S.Zero)))
    return found
