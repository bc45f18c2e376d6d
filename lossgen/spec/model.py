"""What a declaration is: the `Loss`, its parameters and variants, and weighted sums of losses.

The mathematics of one variant is a `Program` (see `lossgen.spec.program`, whose names are found here too).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from lossgen.algebra.axes import Axis
from lossgen.algebra.tensors import Tensor
from lossgen.errors import SpecError
from lossgen.spec.bind import bind
from lossgen.spec.composition import Composition, Part, Summand
from lossgen.spec.curvature import EXACT
from lossgen.spec.domains import Limit
from lossgen.spec.program import Assign, Program, Sort, Stage, Sweep, Term, renamed

__all__ = [
    "ANY",
    "Assign",
    "Composition",
    "Loss",
    "Parameter",
    "Part",
    "Program",
    "Sort",
    "Stage",
    "Sweep",
    "Term",
    "Variant",
]

# The static choice of a parameter whose value is given at run time, because it is none of those listed.
ANY = "any"


Choices = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Parameter:
    """A run-time or static parameter as declared; a static one may have an `other` way, at run time."""

    name: str
    kind: str
    default: Any
    axes: tuple[Axis, ...] = ()
    dtype: str = "float"
    over: Axis | None = None
    choices: tuple[Any, ...] = ()
    optional: bool = False
    doc: str = ""
    domain: str = "real"
    relaxed_by: str = ""
    other: Parameter | None = None
    limit: Limit | None = None
    spells: Axis | None = None
    marked_by: str = ""

    @property
    def static(self) -> bool:
        return bool(self.choices)

    @property
    def variants(self) -> tuple[Any, ...]:
        """The static choices, `ANY` among them where any other value may be given at run time."""
        return self.choices if self.other is None else (*self.choices, ANY)

    @property
    def default_choice(self) -> Any:
        """The static choice that the default stands for: for an optional parameter, whether it is given."""
        return self.default is not None if self.optional else self.default

    def chosen(self, value: Any) -> tuple[Any, ...]:
        """Return the static choice that a value stands for, and the number if it is one at run time."""
        if self.optional:
            # Whether it is there is a static choice; which number it has is not.
            return (value,) if isinstance(value, bool) else (False,) if value is None else (True, value)
        return (value,) if self.other is None or value in self.variants else (ANY, value)

    def left(self, choice: Any) -> Parameter | None:
        """Return the run-time parameter that is left once the choice is made, None where there is none."""
        if self.optional:
            return replace(self, choices=(), optional=False) if choice else None
        return self.other if choice == ANY else None


@dataclass(frozen=True)
class Variant:
    """One combination of static choices, with its program."""

    static: tuple[tuple[str, Any], ...]
    suffix: str
    program: Program


@dataclass(frozen=True)
class Loss(Summand):
    """A declared loss: names and words, and one `Variant` for each shipped combination of static choices.

    ``curvature`` is the default rule of ``grad_and_hess``. ``make`` makes the variants of other combinations;
    it is the declaration's body and does not pickle.
    """

    name: str
    family: str
    doc: str
    source: str
    structure: str
    parameters: tuple[Parameter, ...]
    variants: tuple[Variant, ...]
    peers: tuple[tuple[str, str], ...] = ()
    axes: tuple[Axis, ...] = ()
    file: str = ""
    line: int = 0
    curvature: str = EXACT
    make: Callable[[Choices], Variant] | None = field(default=None, compare=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "make": None}

    @property
    def parts(self) -> tuple[Part, ...]:
        return (Part(sp.S.One, self),)

    @property
    def summary(self) -> str:
        return self.doc.strip().splitlines()[0] if self.doc.strip() else ""

    def variant(self, **static: Any) -> Variant:
        """Return the variant with these static choices (defaults for the rest)."""
        wanted = {p.name: p.default_choice for p in self.parameters if p.static} | static
        for variant in self.variants:
            if dict(variant.static) == wanted:
                return variant
        choices = {p.name: p.variants for p in self.parameters if p.static}
        known = wanted.keys() == choices.keys() and all(v in choices[k] for k, v in wanted.items())
        if known and self.make is not None:
            return self.make(tuple(wanted.items()))
        shipped = "; ".join(str(dict(v.static)) for v in self.variants)
        raise SpecError(
            f"no variant {wanted}",
            loss=self.name,
            fix=f"add it to `variants` of the declaration; declared: {shipped}",
        )

    def with_(self, **choices: Any) -> Loss:
        """Return the loss with static choices fixed and run-time numbers bound; what is fixed is no parameter
        any more.
        """
        known = {p.name: p for p in self.parameters}
        static: dict[str, Any] = {}
        bound: dict[str, Any] = {}
        for name, value in choices.items():
            if name in known and not known[name].static:
                bound[name] = value
                continue
            static[name], *number = known[name].chosen(value) if name in known else (value,)
            bound.update((name, one) for one in number)
        variant = self.variant(**static)

        def resolved(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
            return tuple(_resolved(axis, dict(variant.static)) for axis in axes)

        def fixed(variant: Variant) -> Variant:
            program = variant.program
            for name, value in bound.items():
                program = bind(program, known[name].other or known[name], value, self.name)
            inputs = tuple(
                Tensor(t.name, resolved(t.axes), t.dtype, t.role, t.domain) for t in program.inputs
            )
            remaining = tuple((k, v) for k, v in variant.static if k not in static)
            return replace(variant, static=remaining, program=replace(program, inputs=inputs))

        left = (p.left(static[p.name]) if p.name in static else p for p in self.parameters)
        kept = tuple(replace(p, axes=resolved(p.axes)) for p in left if p is not None and p.name not in bound)
        return replace(
            self,
            parameters=kept,
            axes=resolved(self.axes),
            variants=(replace(fixed(variant), suffix=""),),
            make=lambda others: fixed(self.variant(**dict(others), **static)),
        )

    def rename(self, **names: str) -> Loss:
        """Return the loss with run-time parameters renamed: ``soft_dice.rename(smooth="dice_smooth")``."""
        by_name = {p.name: p for p in self.parameters}
        for old in names:
            if old not in by_name or by_name[old].static:
                raise SpecError(
                    f"`{old}` is no run-time argument",
                    loss=self.name,
                    argument=old,
                    fix=f"choose among {sorted(by_name)}",
                )
        parameters = tuple(
            replace(p, name=names.get(p.name, p.name), marked_by=names.get(p.marked_by, p.marked_by))
            for p in self.parameters
        )

        def other(variant: Variant) -> Variant:
            return replace(variant, program=renamed(variant.program, names))

        return replace(
            self,
            parameters=parameters,
            variants=tuple(map(other, self.variants)),
            make=lambda choices: other(self.variant(**dict(choices))),
        )


def _resolved(axis: Axis, static: dict[str, Any]) -> Axis:
    for flag, dims in axis.when:
        if static.get(flag):
            return Axis(axis.name, dims, None, axis.extent)
    return axis
