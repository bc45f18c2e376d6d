"""What a declaration becomes: the exact mathematics of one sample, as a short program of stages.

``Program`` is what every later layer works on. Its stages run in order; each assigns local tensors. Its terms
say how samples become a value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.tensors import Element, Tensor


class Place(TypedDict):
    """Where a declaration stands, for error messages."""

    file: str
    line: int
    loss: str


@dataclass(frozen=True)
class Assign:
    """``target = expr`` or ``target += expr``, where `guard` holds; positions outside the guard are never
    evaluated.
    """

    target: Element
    expr: sp.Expr
    add: bool = False
    guard: Boolean = sp.true


@dataclass(frozen=True)
class Sweep:
    """A nest of loops over `indices` (first outermost), running `body` at each point; `reverse` runs every
    loop downwards.

    A map has assignments that read only earlier tensors; a recurrence reads entries of its own target that
    the loop order has already written. With ``positive`` the recurrence is known to stay positive and may be
    kept as a logarithm.
    """

    indices: tuple[Index, ...]
    body: tuple[Assign, ...]
    reverse: bool = False
    positive: bool = False

    @property
    def written(self) -> tuple[Tensor, ...]:
        """The tensors that it assigns, once for each assignment."""
        return tuple(assign.target.tensor for assign in self.body)


@dataclass(frozen=True)
class Sort:
    """``order[i]`` = position of the i-th entry of `key` in sorted order; stable, constant to every
    derivative.
    """

    order: Tensor
    index: Index
    key: sp.Expr
    descending: bool = False

    @property
    def written(self) -> tuple[Tensor, ...]:
        """The order."""
        return (self.order,)


Stage = Sweep | Sort


@dataclass(frozen=True)
class Term:
    """A weighted family of items: ``coefficient * sum(weight * value) / divisor``.

    Attributes
    ----------
    items : tuple of Index
        Item axes inside the sample (a loss that couples samples has one value per anchor); empty for one
        value per sample.
    value : Expr
        Loss of one item.
    keep : Boolean
        Where false the sample gives 0, takes no part in the mean and is not read.
    mean_by : Expr
        What one item adds to the divisor of the mean, the sample weight left out; reads targets and
        parameters only.
    mean_weighted : bool
        Whether ``reduction="mean"`` divides by the sum of ``weight * mean_by`` instead of the sum of
        ``mean_by``.
    mean_scale : Expr
        Extra factor of the numerator in a mean (1 / target length); reads targets and parameters only.
    """

    value: sp.Expr
    items: tuple[Index, ...] = ()
    coefficient: sp.Expr = sp.S.One
    keep: Boolean = sp.true
    mean_by: sp.Expr = sp.S.One
    mean_weighted: bool = False
    mean_scale: sp.Expr = sp.S.One


@dataclass(frozen=True)
class Program:
    """One static variant of a loss over one sample.

    ``inputs`` holds the tensors of the call and then the run-time parameters, in signature order. ``extents``
    maps an axis to the length tensor's element that bounds it in this sample.
    """

    inputs: tuple[Tensor, ...]
    terms: tuple[Term, ...]
    stages: tuple[Stage, ...] = ()
    extents: tuple[tuple[Axis, Element], ...] = ()

    @property
    def predictions(self) -> tuple[Tensor, ...]:
        return tuple(tensor for tensor in self.inputs if tensor.role == "pred")

    @property
    def differentiable(self) -> tuple[Tensor, ...]:
        return tuple(tensor for tensor in self.inputs if tensor.dtype == "float")


def renamed(program: Program, names: dict[str, str]) -> Program:
    """Rename tensors everywhere in a program."""

    def tensor(old: Tensor) -> Tensor:
        name: str = old.name
        return Tensor(names.get(name, name), old.axes, old.dtype, old.role, old.domain)

    return retyped(program, tensor)


def retyped(program: Program, tensor: Callable[[Tensor], Tensor]) -> Program:
    """Put other tensors everywhere in the place of a program's own."""

    def rewrite(expr: Any) -> Any:
        found = {one: tensor(one) for one in expr.atoms(Tensor)}
        return expr.xreplace({old: new for old, new in found.items() if old != new})

    inputs = tuple(map(tensor, program.inputs))
    return rewritten(replace(program, inputs=inputs), rewrite, tensor)


def rewritten(
    program: Program, rewrite: Callable[[Any], Any], tensor: Callable[[Tensor], Tensor] = lambda old: old
) -> Program:
    """Rewrite every expression of a program, and with `tensor` the orders that its sorts write."""

    def stage(old: Stage) -> Stage:
        if isinstance(old, Sort):
            return Sort(tensor(old.order), old.index, rewrite(old.key), old.descending)
        body = tuple(Assign(rewrite(a.target), rewrite(a.expr), a.add, rewrite(a.guard)) for a in old.body)
        return replace(old, body=body)

    terms = tuple(
        replace(
            term,
            value=rewrite(term.value),
            coefficient=rewrite(term.coefficient),
            keep=rewrite(term.keep),
            mean_by=rewrite(term.mean_by),
            mean_scale=rewrite(term.mean_scale),
        )
        for term in program.terms
    )
    extents = tuple((axis, rewrite(length)) for axis, length in program.extents)
    return Program(program.inputs, terms, tuple(map(stage, program.stages)), extents)
