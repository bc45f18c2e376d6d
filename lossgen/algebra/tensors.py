"""Tensors of one sample and their elements."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.basic import Atom

from lossgen.algebra.axes import Axis

# What membership of a domain tells SymPy's assumption system; bounds that it cannot hold (unit, binary, sign)
# live in `stabilize`.
DOMAINS: dict[str, dict[str, bool]] = {
    "real": {},
    "positive": {"positive": True},
    "nonnegative": {"nonnegative": True},
    "unit": {"nonnegative": True},
    "binary": {"nonnegative": True},
    "sign": {"zero": False},
}


class Tensor(Atom):
    """A named array of one sample. Not an expression: only its elements are.

    Parameters
    ----------
    name : str
        Name, unique inside a loss.
    axes : tuple of Axis
        Named axes in order; empty for one number per sample.
    dtype : {"float", "int"}
        Integer tensors hold positions, labels and lengths and are never differentiated.
    role : str
        ``pred``, ``target``, ``class``, ``labels``, ``length``, ``param``, ``per_class``, ``weight``,
        ``cotangent``, ``tangent`` or ``local``.
    domain : str
        A key of `DOMAINS`.
    """

    __slots__ = ("axes", "domain", "dtype", "name", "role")
    # A class with __getitem__ is an endless sequence to Python: `c in x`, `f(*x)` and lambdify would hang.
    __iter__ = None
    __contains__ = None
    is_commutative = True

    def __new__(
        cls,
        name: str,
        axes: tuple[Axis, ...] = (),
        dtype: str = "float",
        role: str = "local",
        domain: str = "real",
    ) -> Tensor:
        tensor: Tensor = Atom.__new__(cls)
        tensor.name, tensor.axes, tensor.dtype, tensor.role, tensor.domain = (
            name,
            tuple(axes),
            dtype,
            role,
            domain,
        )
        return tensor

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.name, self.axes, self.dtype, self.role, self.domain)

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.name, self.axes, self.dtype, self.role, self.domain)

    def _sympystr(self, printer: Any) -> str:
        return self.name

    def __getitem__(self, position: Any) -> Element:
        positions = position if isinstance(position, tuple) else (position,)
        if len(positions) != len(self.axes):
            names = ", ".join(axis.name for axis in self.axes)
            raise IndexError(
                f"`{self.name}` has {len(self.axes)} axes ({names}) but got {len(positions)} indices"
            )
        return Element(self, *positions)


class Element(sp.Expr):
    """One entry of a tensor: ``Element(tensor, *positions)``; positions are integer expressions."""

    is_commutative = True
    __iter__ = None
    __contains__ = None

    def __new__(cls, tensor: Tensor, *positions: Any) -> Element:
        element: Element = sp.Expr.__new__(cls, tensor, *map(sp.sympify, positions))
        return element

    @property
    def tensor(self) -> Tensor:
        tensor: Tensor = self.args[0]
        return tensor

    @property
    def positions(self) -> tuple[sp.Expr, ...]:
        positions: tuple[sp.Expr, ...] = self.args[1:]
        return positions

    def _eval_is_real(self) -> bool:
        return True

    def _eval_is_finite(self) -> bool:
        return True

    def _eval_is_integer(self) -> bool | None:
        return True if self.tensor.dtype == "int" else None

    def _eval_is_positive(self) -> bool | None:
        return DOMAINS[self.tensor.domain].get("positive")

    def _eval_is_nonnegative(self) -> bool | None:
        facts = DOMAINS[self.tensor.domain]
        return facts.get("nonnegative", facts.get("positive"))

    def _eval_is_zero(self) -> bool | None:
        return DOMAINS[self.tensor.domain].get("zero")

    def _sympystr(self, printer: Any) -> str:
        inside = ", ".join(printer._print(position) for position in self.positions)
        return f"{self.tensor.name}[{inside}]" if inside else self.tensor.name


def elements(expr: sp.Basic) -> set[Element]:
    """Return every element read in `expr`."""
    found: set[Element] = expr.atoms(Element) if isinstance(expr, sp.Basic) else set()
    return found


def tensors(expr: sp.Basic) -> set[Tensor]:
    """Return every tensor read in `expr`."""
    found: set[Tensor] = expr.atoms(Tensor)
    return found


def unweighted(expr: sp.Expr, roles: tuple[str, ...] = ("weight", "scale")) -> sp.Expr:
    """Return a derivative for weights and factors of the call that are 1."""
    given = [element for element in elements(expr) if element.tensor.role in roles]
    return expr.xreplace(dict.fromkeys(given, sp.S.One))
