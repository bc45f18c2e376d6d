"""What a row of the operator table is, and the functions made of rows.

A row is the whole knowledge about a function on the symbolic side; each backend adds its spelling. ``exact``
is what the function *is*, and every other column is tested against it in high precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp
from mpmath.libmp import prec_to_dps

Build = Callable[..., sp.Expr]


class StableFunction(sp.Function):
    """Base of the vocabulary; subclasses are made by `row`."""

    row: Operator

    @classmethod
    def eval(cls, *args: sp.Expr) -> sp.Expr | None:
        """Evaluate at special arguments."""
        return cls.row.fold(*args) if cls.row.fold else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return the partial derivative by an argument, counted from 1."""
        return self.row.derivative[argindex - 1](*self.args)

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        # Of a constant: without it SymPy cannot compare bounds in which one occurs.
        exact = self.row.exact(*self.args)
        return None if exact.has(sp.nan, sp.zoo) else exact.evalf(prec_to_dps(prec))

    def _eval_is_real(self) -> bool:
        return True

    def _eval_is_extended_real(self) -> bool:
        return True

    def _eval_is_positive(self) -> bool | None:
        return True if self.row.sign == "positive" else None

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.row.sign in ("positive", "nonnegative") else None

    def _eval_is_negative(self) -> bool | None:
        return True if self.row.sign == "negative" else None


@dataclass(frozen=True)
class Operator:
    """One row of the vocabulary.

    Attributes
    ----------
    name : str
        Name in expressions and in generated code.
    exact : callable
        Builds the exact meaning from the arguments, without vocabulary functions.
    derivative : tuple of callables
        Partial derivative by each argument, in the vocabulary.
    domain : tuple of str
        Where each argument may lie: ``real``, ``positive``, ``nonnegative``, ``negative`` (a <= 0), ``unit``,
        ``above_minus_one``, ``exponent`` (its exponential is in range), ``offset`` (an integer constant, by
        which nothing is differentiated).
    sign : str
        What is known of the value: ``any``, ``positive``, ``nonnegative``, ``negative``.
    latex : str or None
        Format string with ``{0}``, ``{1}`` for the arguments, each inside brackets; None if a reader sees the
        exact meaning.
    fold : callable, optional
        Automatic evaluation at special arguments; returns None where nothing applies.
    """

    name: str
    exact: Build
    derivative: tuple[Build, ...]
    domain: tuple[str, ...]
    sign: str
    latex: str | None
    fold: Callable[..., sp.Expr | None] | None = None


OPERATORS: dict[str, Operator] = {}


def row(
    name: str,
    exact: Build,
    derivative: tuple[Build, ...],
    domain: tuple[str, ...],
    sign: str,
    latex: str | None,
    fold: Callable[..., sp.Expr | None] | None = None,
) -> Any:
    """Enter a row into the table and return its function."""
    operator = Operator(name, exact, derivative, domain, sign, latex, fold)
    OPERATORS[name] = operator
    # Pickle looks a class up by module and name: where its meaning is written, it is assigned.
    members = {"row": operator, "nargs": (len(domain),), "__module__": exact.__module__}
    return type(name, (StableFunction,), members)


def zero_at_zero(*args: sp.Expr) -> sp.Expr | None:
    """Fold to 0 where the first argument is 0."""
    return sp.S.Zero if args[0].is_zero else None
