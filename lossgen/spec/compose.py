"""Weighted sums of losses as one loss, evaluated together."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace

import sympy as sp

from lossgen.algebra.axes import Axis
from lossgen.algebra.tensors import tensors
from lossgen.errors import SpecError
from lossgen.spec.composition import Summand
from lossgen.spec.curvature import EXACT, checked_curvature
from lossgen.spec.embed import embedded
from lossgen.spec.model import Loss, Parameter, Variant
from lossgen.spec.program import Place, Program, Sort, Term
from lossgen.spec.roles import INDEX_ROLES, TENSOR_ROLES
from lossgen.spec.signature import check_name
from lossgen.spec.structure import classify
from lossgen.spec.validate import validate


def compose(
    name: str, parts: Summand, *, family: str, doc: str, source: str = "", curvature: str = EXACT
) -> Loss:
    """Declare a composition as a loss of its own.

    Each part is reduced by its own rule, then the values add. Parts that are reduced by the same rule become
    one term.

    Raises
    ------
    SpecError
        Where parameters collide (rename one) or the parts do not fit one layout.
    """
    caller = sys._getframe(1)  # inspect.stack() reads every source file on the way: 0.1 s
    place: Place = {"file": caller.f_code.co_filename, "line": caller.f_lineno, "loss": name}
    check_name(place)
    made = assembled(parts, (), place)
    named = checked_curvature(curvature, place)
    return replace(made, family=family, doc=inspect.cleandoc(doc), source=source, curvature=named)


def assembled(parts: Summand, declared: Sequence[Parameter], place: Place) -> Loss:
    """Return a composition as a loss; parameters that are `declared` are shared by all parts with one of that
    name.
    """
    if any(part.coefficient == 0 for part in parts.parts):
        raise SpecError("a part is multiplied by 0", fix="leave it out", **place)
    losses = [part.loss for part in parts.parts]
    programs = embedded(losses, place)
    parameters = _united_parameters(losses, programs, declared, place)
    inputs = {tensor.name: tensor for program in programs for tensor in program.inputs}
    inputs |= {tensor.name: tensor for part in parts.parts for tensor in tensors(part.coefficient)}
    if unused := [parameter.name for parameter in declared if parameter.name not in inputs]:
        raise SpecError(
            f"no part reads `{unused[0]}`", argument=unused[0], fix="leave it out of the signature", **place
        )
    scaled = [
        replace(term, coefficient=part.coefficient * term.coefficient)
        for part, program in zip(parts.parts, programs, strict=True)
        for term in program.terms
    ]
    terms = _merged(scaled)
    stages = tuple(stage for program in programs for stage in program.stages)
    extents = {axis: length for program in programs for axis, length in program.extents}
    # Kernels take their arguments in the order of the signature.
    ordered = tuple(inputs[parameter.name] for parameter in parameters)
    program = Program(ordered, terms, stages, tuple(extents.items()))
    _check_reductions(program, place)
    validate(program, place)
    return Loss(
        name=place["loss"],
        family="",
        doc="",
        source="",
        structure=classify(program),
        parameters=parameters,
        variants=(Variant((), "", program),),
        axes=united_axes(axis for loss in losses for axis in loss.axes),
        file=place["file"],
        line=place["line"],
    )


def united_axes(axes: Iterable[Axis]) -> tuple[Axis, ...]:
    """Return axes in order, of those with one name the first."""
    found: dict[str, Axis] = {}
    for axis in axes:
        found.setdefault(axis.name, axis)
    return tuple(found.values())


def _united_parameters(
    losses: Sequence[Loss], programs: Sequence[Program], declared: Sequence[Parameter], place: Place
) -> tuple[Parameter, ...]:
    """Return the arrays of all parts, then their parameters; what two parts have must be declared."""
    arrays: dict[str, Parameter] = {}
    numbers = {parameter.name: parameter for parameter in declared}
    for loss, program in zip(losses, programs, strict=True):
        by_name = {parameter.name: parameter for parameter in loss.parameters}
        own = loss.variants[0].program.inputs
        for before, tensor in zip(own, program.inputs, strict=True):
            parameter = by_name[before.name]
            if tensor.role in TENSOR_ROLES:
                # The domain is what the static choices and the other parts have made of it.
                arrays[tensor.name] = replace(
                    parameter, name=tensor.name, axes=tensor.axes, domain=tensor.domain, relaxed_by=""
                )
                continue
            earlier = numbers.get(tensor.name)
            if earlier is None:
                numbers[tensor.name] = replace(parameter, choices=(), optional=False)
                continue
            if earlier not in declared:
                raise SpecError(
                    f"parameter `{tensor.name}` belongs to more than one part",
                    argument=tensor.name,
                    fix=f'rename one: {loss.name}.rename({tensor.name}="..."), or share it: take it as an '
                    "argument of a function that returns the sum",
                    **place,
                )
            here, there = ((one.kind, one.axes, one.limit) for one in (earlier, parameter))
            if here != there:
                raise SpecError(
                    f"`{tensor.name}` is {_said(earlier)} here and {_said(parameter)} in `{loss.name}`",
                    argument=tensor.name,
                    fix="declare it as that part does",
                    **place,
                )
    return (*arrays.values(), *numbers.values())


def _said(parameter: Parameter) -> str:
    return parameter.kind if parameter.limit is None else f"{parameter.kind}, {parameter.limit},"


def _merged(terms: Sequence[Term]) -> tuple[Term, ...]:
    """Join terms that count the same items by the same rule: their weighted values add up item by item."""
    groups: dict[tuple[object, ...], list[Term]] = {}
    for term in terms:
        rule = (term.items, term.keep, term.mean_by, term.mean_weighted, term.mean_scale)
        groups.setdefault(rule, []).append(term)
    joined = []
    for group in groups.values():
        number = group[0].coefficient.as_coeff_Mul()[0] if len(group) == 1 < len(groups) else sp.S.One
        value = sp.Add(*(term.coefficient / number * term.value for term in group))
        joined.append(replace(group[0], value=value, coefficient=number))
    return tuple(joined)


def _check_reductions(program: Program, place: Place) -> None:
    terms = program.terms
    if len({term.mean_scale for term in terms}) > 1:
        raise SpecError(
            "one part has a factor of its own in the mean (mean_scale), another has not",
            fix="compose losses with the same mean_scale, or add their values",
            **place,
        )
    if len({term.keep for term in terms}) > 1 and _stages_may_not_run(program):
        raise SpecError(
            "one part leaves out other samples than another, and its intermediate stages run for all",
            fix="compose losses that keep the same samples, or add their values",
            **place,
        )


def _stages_may_not_run(program: Program) -> bool:
    """Whether some stage reads what a sample that a term leaves out need not have: a valid class, or numbers
    of which the term would hide what is no number.
    """
    indices = {tensor for tensor in program.inputs if tensor.role in INDEX_ROLES}
    bodies = [
        expr
        for stage in program.stages
        for expr in ((stage.key,) if isinstance(stage, Sort) else (a.expr for a in stage.body))
    ]
    staged = any(
        tensor.role == "local"
        for term in program.terms
        if tensors(term.keep)
        for tensor in tensors(term.value)
    )
    return staged or any(indices & tensors(expr) for expr in bodies)
