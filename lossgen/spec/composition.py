"""Arithmetic of losses: ``0.5 * a + b - c / 3`` is a composition, which `compose` turns into a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy as sp

from lossgen.errors import SpecError
from lossgen.spec.constants import exact, rational

if TYPE_CHECKING:
    from lossgen.spec.model import Loss


@dataclass(frozen=True)
class Part:
    """One loss inside a composition; its first variant is the one meant."""

    coefficient: sp.Expr
    loss: Loss


class Summand(ABC):
    """What may be scaled and added: a loss, or a sum of scaled losses."""

    # NumPy would take a loss for an array of objects and scale that.
    __array_ufunc__ = None

    @property
    @abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """The losses that are added, each with its factor."""

    def __add__(self, other: Any) -> Composition:
        return Composition(self.parts + other.parts) if isinstance(other, Summand) else NotImplemented

    def __radd__(self, other: Any) -> Composition:
        # `sum()` starts with 0.
        return Composition(self.parts) if isinstance(other, int) and other == 0 else NotImplemented

    def __sub__(self, other: Any) -> Composition:
        return self + (-other) if isinstance(other, Summand) else NotImplemented

    def __neg__(self) -> Composition:
        return self * -1

    def __mul__(self, factor: Any) -> Composition:
        number = _factor(factor)
        if number is None:
            return NotImplemented
        return Composition(tuple(replace(part, coefficient=part.coefficient * number) for part in self.parts))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Composition:
        number = _factor(divisor)
        return NotImplemented if number is None else self * (1 / number)


@dataclass(frozen=True)
class Composition(Summand):
    """``0.5 * a + 0.5 * b``: each part reduces by its own rule, then the values add."""

    losses: tuple[Part, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.losses

    def with_(self, **choices: Any) -> Composition:
        """Fix static choices and bind numbers in every part that has them."""
        return self._each("with_", choices)

    def rename(self, **names: str) -> Composition:
        """Rename arguments in every part that has them."""
        return self._each("rename", names)

    def _each(self, method: str, given: dict[str, Any]) -> Composition:
        known = [{p.name for p in part.loss.parameters} for part in self.losses]
        if unknown := sorted(set(given) - set().union(*known)):
            raise SpecError(
                f"no part of the composition has an argument {unknown[0]}",
                argument=unknown[0],
                fix=f"choose among {sorted(set().union(*known))}",
            )
        return Composition(
            tuple(
                replace(
                    part, loss=getattr(part.loss, method)(**{k: v for k, v in given.items() if k in names})
                )
                for part, names in zip(self.losses, known, strict=True)
            )
        )


def _factor(value: Any) -> sp.Expr | None:
    """Return a factor as an exact expression; None where it is no number or formula."""
    if isinstance(value, sp.Expr):
        return rational(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        return None
    number = exact(value)
    if number is None:
        raise SpecError(f"{value} is no factor of a loss", fix="scale losses by finite numbers")
    return number
