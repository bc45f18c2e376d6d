"""The annotations of a signature: what each argument is, along which axes, and where its values lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lossgen.algebra.axes import Axis
from lossgen.spec.domains import Limit, excluded


@dataclass(frozen=True)
class Role:
    """One annotation; ``Role[axes]`` gives the axes, ``Role.unit`` and the like the domain.

    Attributes
    ----------
    kind : str
        Role of the tensor or kind of the parameter.
    axes : tuple of Axis
        Axes of the argument inside one sample.
    domain : str
        Where its values lie: ``real``, ``positive``, ``nonnegative``, ``unit`` ([0, 1]), ``binary`` (0 or 1)
        or ``sign`` (-1 or 1).
    over : Axis, optional
        The axis whose positions the values are (classes, labels), or whose extent they give (lengths).
    choices : tuple
        Values of a static parameter; the body runs once for each.
    other : Role, optional
        For a choice, what else may be given: a parameter of that role, at run time. The body runs once more
        with its symbol.
    limit : Limit, optional
        The largest number that a parameter may be.
    spells : Axis, optional
        An axis along which a target is 1 at one position and 0 elsewhere, if given as indices of positions.
    marked_by : str
        The parameter whose value, among such indices, marks what takes no part.
    """

    kind: str
    axes: tuple[Axis, ...] = ()
    domain: str = "real"
    dtype: str = "float"
    over: Axis | None = None
    choices: tuple[Any, ...] = ()
    optional: bool = False
    # How a subscript is read: its last axis may be the one that the values point into.
    points: bool = False
    relaxed_by: str = ""
    other: Role | None = None
    limit: Limit | None = None
    spells: Axis | None = None
    marked_by: str = ""

    # A class with __getitem__ is an endless sequence to Python.
    __iter__ = None

    def __getitem__(self, axes: Axis | tuple[Axis, ...] | Role) -> Role:
        if isinstance(axes, Role):
            return replace(axes, optional=True)
        given = axes if isinstance(axes, tuple) else (axes,)
        if not all(isinstance(axis, Axis) for axis in given):
            raise TypeError(f"{self.kind}[...] takes axes made by axis('NAME'), got {given!r}")
        if self.points:
            return replace(self, axes=given[:-1], over=given[-1])
        return replace(self, axes=given)

    def __or__(self, other: Role) -> Role:
        """Return a choice that may also be any value of another role: ``Choice(2, 1) | Positive``."""
        if not self.choices or not isinstance(other, Role) or not other.is_parameter or other.choices:
            raise TypeError(
                "write Choice(...) | ROLE, with the role of a run-time parameter such as Positive"
            )
        return replace(self, other=other)

    @property
    def is_parameter(self) -> bool:
        return self.kind in PARAMETER_KINDS

    @property
    def positive(self) -> Role:
        return replace(self, domain="positive")

    @property
    def nonnegative(self) -> Role:
        return replace(self, domain="nonnegative")

    @property
    def unit(self) -> Role:
        return replace(self, domain="unit")

    @property
    def sign(self) -> Role:
        return replace(self, domain="sign")

    @property
    def binary(self) -> Role:
        return replace(self, domain="binary")

    def or_index(self, axis: Axis, ignoring: str = "") -> Role:
        """Return the role of a target that may also be given as indices of positions on one of its axes.

        `ignoring` names the parameter whose value marks what takes no part.
        """
        if self.kind != "target" or axis not in self.axes:
            raise TypeError("or_index(AXIS) is for targets with that axis: Target.unit[C, S].or_index(C)")
        return replace(self, spells=axis, marked_by=ignoring)

    def at_most(self, number: int | float) -> Role:
        """Return the role of a parameter that is `number` at most."""
        return self._limited(Limit(number, included=True))

    def below(self, number: int | float) -> Role:
        """Return the role of a parameter that is less than `number`."""
        return self._limited(Limit(number, included=False))

    def _limited(self, limit: Limit) -> Role:
        if not self.is_parameter or self.choices or self.over is not None:
            raise TypeError(f"{self.kind} takes no limit: give one to a number, such as Positive.at_most(2)")
        if (must := excluded(self.domain, None, limit.number)) is not None:
            raise TypeError(f"no number is {must} and {limit}: give a larger limit")
        return replace(self, limit=limit)

    def real_if(self, flag: str) -> Role:
        """Return the role whose values are any real number where the static `flag` is true (logits instead of
        probabilities).
        """
        return replace(self, relaxed_by=flag)


# Arguments that are positions, or numbers of positions: they may be out of range.
INDEX_ROLES = ("class", "labels", "length")
# Arguments that are arrays over the samples.
TENSOR_ROLES = ("pred", "target", *INDEX_ROLES)
PARAMETER_KINDS = (
    "real",
    "positive",
    "nonnegative",
    "unit",
    "int",
    "position",
    "per_class",
    "flag",
    "choice",
)

Pred = Role("pred")
Target = Role("target")
Class = Role("class", dtype="int", points=True)
Labels = Role("labels", dtype="int", points=True)
Length = Role("length", dtype="int", points=True)

Real = Role("real")
Positive = Role("positive", domain="positive")
NonNegative = Role("nonnegative", domain="nonnegative")
Unit = Role("unit", domain="unit")
Int = Role("int", dtype="int")
Position = Role("position", dtype="int", points=True)
PerClass = Role("per_class", domain="nonnegative")
Optional = Role("optional")
Flag = Role("flag", choices=(False, True))


def Choice(*values: Any) -> Role:
    """Return the annotation of a static parameter that takes one of `values`."""
    if len(values) < 2:
        raise TypeError(
            f"Choice needs at least two values, got {values!r}; use a plain constant in the body instead"
        )
    if len(set(map(repr, values))) < len(values):
        raise TypeError(f"Choice{values!r} has a value twice; name each once")
    return Role("choice", choices=values)
