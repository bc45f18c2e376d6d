"""Numbers that a program's exact expression is evaluated with, as it stands: the naive route.

The oracle prints an expression as code over series; the same code runs here on single numbers of the working
precision. With a slope they are dual numbers, which differentiate the naive formula as one would by hand;
without one they may be traced by JAX, which differentiates them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any


class Exact(Fraction):
    """A constant of the expression, with the constructors that the oracle's code uses."""

    def exp(self) -> float:
        """E to a whole number."""
        return math.exp(self)

    @staticmethod
    def pi() -> float:
        """The circle's."""
        return math.pi


class Number:
    """A value in the working precision, and its slope along one direction (None where JAX traces)."""

    __slots__ = ("slope", "space", "value")

    def __init__(self, value: Any, slope: Any, space: Space) -> None:
        self.value, self.slope, self.space = value, slope, space

    def new(self, value: Any, slope: Callable[[], Any]) -> Number:
        """Return a number that follows from this one."""
        return Number(value, None if self.slope is None else slope(), self.space)

    def __getitem__(self, place: int) -> Number:
        return self.space.held(self)

    def __add__(self, other: Number) -> Number:
        return self.new(self.value + other.value, lambda: self.slope + other.slope)

    def __sub__(self, other: Number) -> Number:
        return self.new(self.value - other.value, lambda: self.slope - other.slope)

    def __mul__(self, other: Number) -> Number:
        return self.new(self.value * other.value, lambda: self.slope * other.value + self.value * other.slope)

    def __neg__(self) -> Number:
        return self.new(-self.value, lambda: -self.slope)


class Space:
    """What the code of an expression calls, for one precision and one library of functions.

    Parameters
    ----------
    xp : module
        NumPy, or what has its names.
    real : type
        The working precision.
    hold : callable, optional
        Stops the derivative of a value; None where slopes are carried along.
    """

    def __init__(self, xp: Any, real: Any, hold: Callable[[Any], Any] | None = None) -> None:
        self.xp, self.real, self.hold = xp, real, hold

    def constant(self, number: Any) -> Number:
        """Return a number without slope."""
        if isinstance(number, Number):
            return number
        value = self.real(float(number))
        return Number(value, None if self.hold else self.real(0), self)

    def held(self, a: Number) -> Number:
        """Return the number as a constant to every derivative."""
        if self.hold:
            return Number(self.hold(a.value), None, self)
        return Number(a.value, self.real(0), self)

    def varying(self, a: Number) -> Number:
        """Return a - constant(a)."""
        return a - self.held(a)

    @staticmethod
    def compare(a: Number, b: Number) -> int:
        """Return -1, 0 or 1."""
        return int(bool(a.value > b.value)) - int(bool(a.value < b.value))

    @staticmethod
    def order(keys: list[Number], descending: bool) -> list[int]:
        """Return the positions in sorted order."""
        sign = -1 if descending else 1
        return sorted(range(len(keys)), key=lambda k: sign * float(keys[k].value))

    def maximum(self, a: Number, b: Number, split: bool) -> Number:
        """Return the larger one."""
        order = self.compare(a, b)
        if order:
            return a if order > 0 else b
        return (a + b) * self.constant(0.5) if split else self.held(a)

    def minimum(self, a: Number, b: Number, split: bool) -> Number:
        """Return the smaller one."""
        return -self.maximum(-a, -b, split)

    def divide(self, a: Number, b: Number) -> Number:
        """Return the quotient."""
        return a.new(a.value / b.value, lambda: (a.slope * b.value - a.value * b.slope) / (b.value * b.value))

    def integer_power(self, a: Number, n: int) -> Number:
        """Return a to a whole number."""
        return a.new(a.value**n, lambda: self.real(n) * a.value ** (n - 1) * a.slope)

    def power(self, a: Number, b: Number) -> Number:
        """Return a to the b."""

        def slope() -> Any:
            own = b.value * a.value ** (b.value - self.real(1)) * a.slope
            return own if b.slope == 0 else own + self.xp.log(a.value) * a.value**b.value * b.slope

        return a.new(a.value**b.value, slope)

    def names(self) -> dict[str, Any]:
        """Return everything that the code calls, by name."""
        xp, real = self.xp, self.real
        own = (
            "constant",
            "compare",
            "order",
            "varying",
            "maximum",
            "minimum",
            "divide",
            "integer_power",
            "power",
        )
        found = {name: getattr(self, name) for name in own} | {"arb": Exact}

        def function(f: Any, derivative: Any) -> Callable[[Number], Number]:
            return lambda a: a.new(f(a.value), lambda: derivative(a.value) * a.slope)

        rules = {
            "Abs": (abs, xp.sign),
            "sign": (xp.sign, lambda v: real(0)),
            "log": (xp.log, lambda v: real(1) / v),
            "exp": (xp.exp, xp.exp),
            "sqrt": (xp.sqrt, lambda v: real(0.5) / xp.sqrt(v)),
            "tanh": (xp.tanh, lambda v: real(1) - xp.tanh(v) ** 2),
        }
        return found | {f"{name}_": function(*rule) for name, rule in rules.items()}
