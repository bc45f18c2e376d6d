"""Lays the programs of several losses over one set of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.tensors import Element, Tensor
from lossgen.errors import SpecError
from lossgen.spec.model import Loss
from lossgen.spec.program import Place, Program, renamed, retyped, rewritten
from lossgen.spec.roles import TENSOR_ROLES

# A domain and those that it lies in.
_WITHIN = {
    "positive": ("nonnegative",),
    "unit": ("nonnegative",),
    "binary": ("unit", "nonnegative"),
}


def embedded(losses: Sequence[Loss], context: Place) -> list[Program]:
    """Return the first programs of some losses over the same arrays.

    Predictions correspond by position, all other arrays by name. An elementwise loss becomes one item for
    each position of the others' axes.

    Raises
    ------
    SpecError
        Where the numbers of predictions, axes, roles or domains do not fit.
    """
    programs = [loss.variants[0].program for loss in losses]
    lead = max(programs, key=lambda program: len(program.predictions[0].axes))
    axes = lead.predictions[0].axes
    laid = []
    for position, (loss, program) in enumerate(zip(losses, programs, strict=True)):
        if len(program.predictions) != len(lead.predictions):
            raise SpecError(
                f"`{loss.name}` has {len(program.predictions)} prediction(s), another part "
                f"{len(lead.predictions)}",
                fix="compose losses of equally many predictions",
                **context,
            )
        names = {a.name: b.name for a, b in zip(program.predictions, lead.predictions, strict=True)}
        if len(programs) > 1:
            own = (tensor.name for stage in program.stages for tensor in stage.written)
            names |= {name: f"{name}_{position}" for name in own}
        program = renamed(program, names)
        if further := _further(axes, program.predictions[0].axes):
            program = _spread(program, axes, further, loss.name, context)
        laid.append(program)
    united: dict[str, Tensor] = {}
    for loss, program in zip(losses, laid, strict=True):
        for tensor in program.inputs:
            if tensor.role in TENSOR_ROLES:
                united[tensor.name] = _united(united.get(tensor.name, tensor), tensor, loss.name, context)
    return [
        retyped(program, lambda old: united[old.name] if old.role in TENSOR_ROLES else old)
        for program in laid
    ]


def _further(axes: tuple[Axis, ...], own: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Return the axes that a part lacks, none where it has others."""
    known = {(axis.name, axis.dims) for axis in own}
    shared = known <= {(axis.name, axis.dims) for axis in axes}
    return tuple(axis for axis in axes if shared and (axis.name, axis.dims) not in known)


def _spread(
    program: Program, axes: tuple[Axis, ...], further: tuple[Axis, ...], loss: str, context: Place
) -> Program:
    """Return a program with one item for each position of further axes; `axes` is the order of all."""
    if program.stages or program.extents:
        raise SpecError(
            f"`{loss}` has intermediate stages or lengths and lacks the axes "
            f"{', '.join(axis.name for axis in further)}",
            fix="compose it with losses of the same axes",
            **context,
        )
    items = {axis: Index(axis.name.lower(), axis) for axis in further}
    order = {axis.name: place for place, axis in enumerate(axes)}

    def along(own: tuple[Axis, ...], positions: tuple[Any, ...], others: dict[Axis, Any]) -> list[Any]:
        """Return one thing for each axis, in the order of all."""
        places = [(order.get(axis.name, -1), one) for axis, one in zip(own, positions, strict=True)]
        places += [(order[axis.name], one) for axis, one in others.items()]
        return [one for _, one in sorted(places, key=lambda place: place[0])]

    wide = {
        tensor: Tensor(
            tensor.name,
            tuple(along(tensor.axes, tensor.axes, {axis: axis for axis in further})),
            tensor.dtype,
            tensor.role,
            tensor.domain,
        )
        for tensor in program.inputs
        if tensor.role in TENSOR_ROLES
    }

    def read(one: Element) -> Element:
        return Element(wide[one.tensor], *along(one.tensor.axes, one.positions, items))

    def rewrite(expr: Any) -> Any:
        return expr.replace(lambda one: isinstance(one, Element) and one.tensor in wide, read)

    spread = rewritten(program, rewrite)
    if any(term.mean_scale.free_symbols & set(items.values()) for term in spread.terms):
        raise SpecError(
            f"the factor in the mean of `{loss}` (mean_scale) would differ within a sample",
            fix="compose it with losses of the same axes",
            **context,
        )
    terms = tuple(
        replace(term, items=tuple(along(tuple(index.axis for index in term.items), term.items, items)))
        for term in spread.terms
    )
    return Program(tuple(wide.get(t, t) for t in program.inputs), terms)


def _united(first: Tensor, second: Tensor, loss: str, context: Place) -> Tensor:
    """Return the array that both tensors stand for."""
    if (first.role, first.dtype) != (second.role, second.dtype):
        raise SpecError(
            f"`{first.name}` is a {first.role} in one part and a {second.role} in `{loss}`",
            argument=first.name,
            fix=f'rename one: {loss}.rename({first.name}="...")',
            **context,
        )
    if [(a.name, a.dims) for a in first.axes] != [(a.name, a.dims) for a in second.axes]:
        raise SpecError(
            f"`{first.name}` is {_described(first)} in one part and {_described(second)} in `{loss}`",
            argument=first.name,
            fix="compose losses with equal axes, or elementwise losses with any other",
            **context,
        )
    if first.domain == second.domain or _inside(first.domain, second.domain):
        return first
    if _inside(second.domain, first.domain):
        return second
    raise SpecError(
        f"`{first.name}` is {first.domain} in one part and {second.domain} in `{loss}`",
        argument=first.name,
        fix="compose losses of the same kind of values (from_logits may turn one into the other)",
        **context,
    )


def _inside(inner: str, outer: str) -> bool:
    return outer == "real" or outer in _WITHIN.get(inner, ())


def _described(tensor: Tensor) -> str:
    axes = "".join(f"[{axis.name}]" for axis in tensor.axes)
    dims = ", ".join(f"{axis.name} is dimension {axis.dims}" for axis in tensor.axes)
    return f"{tensor.name}{axes} ({dims})" if axes else f"{tensor.name} without axes"
