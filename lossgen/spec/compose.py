"""Weighted sums of losses as one loss, evaluated together."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import sympy as sp

from lossgen.algebra.axes import Index
from lossgen.algebra.tensors import Element, Tensor
from lossgen.errors import SpecError
from lossgen.spec.model import Composition, Loss, Parameter, Variant
from lossgen.spec.program import Place, Program, Sort, Stage, Term, renamed

TENSOR_ROLES = ("pred", "target", "class", "labels", "length")


def compose(name: str, parts: Composition, *, family: str, doc: str, source: str = "") -> Loss:
    """Declare a composition as a loss of its own.

    Raises
    ------
    SpecError
        Where parameters collide (rename one) or the parts' axes do not fit one layout.
    """
    frame = inspect.stack()[1]
    context: Place = {"file": str(Path(frame.filename)), "line": frame.lineno, "loss": name}
    lead = max(
        (part.loss for part in parts.parts), key=lambda one: len(one.variants[0].program.predictions[0].axes)
    )
    shapes = [t for t in _program(parts, lead).inputs if t.role in TENSOR_ROLES]
    inputs: dict[str, Tensor] = {tensor.name: tensor for tensor in shapes}
    parameters: dict[str, Parameter] = {p.name: p for p in lead.parameters if p.kind in TENSOR_ROLES}
    stages: list[Stage] = []
    terms: list[Term] = []
    for position, part in enumerate(parts.parts):
        program = _embedded(part.loss.variants[0].program, shapes, context)
        locals_ = {t.name: f"{t.name}_{position}" for t in _locals(program)}
        program = renamed(program, locals_)
        for parameter in part.loss.parameters:
            if parameter.kind in TENSOR_ROLES:
                continue
            if parameter.name in parameters:
                raise SpecError(
                    f"parameter `{parameter.name}` belongs to more than one part",
                    argument=parameter.name,
                    fix=f'rename one: {part.loss.name}.rename({parameter.name}="...")',
                    **context,
                )
            if not parameter.static:
                parameters[parameter.name] = parameter
        if any(t.keep != sp.true or t.mean_by != 1 or t.mean_scale != 1 for t in program.terms) or any(
            t.dtype == "int" and t.role in TENSOR_ROLES for t in program.inputs
        ):
            raise SpecError(
                f"`{part.loss.name}` has class labels, ignored samples or a mean of its own",
                fix="compose losses whose mean divides by the number of items; add the values of the others",
                **context,
            )
        inputs |= {t.name: t for t in program.inputs if t.role not in TENSOR_ROLES}
        stages += program.stages
        terms += (replace(term, coefficient=term.coefficient * part.coefficient) for term in program.terms)
    program = Program(tuple(inputs.values()), tuple(terms), tuple(stages), _program(parts, lead).extents)
    return Loss(
        name=name,
        family=family,
        doc=inspect.cleandoc(doc),
        source=source,
        structure="composite",
        parameters=tuple(parameters.values()),
        variants=(Variant((), "", program),),
        axes=lead.axes,
        file=context["file"],
        line=frame.lineno,
    )


def _program(parts: Composition, of: Loss) -> Program:
    return next(part.loss.variants[0].program for part in parts.parts if part.loss is of)


def _locals(program: Program) -> list[Tensor]:
    found: list[Tensor] = []
    for stage in program.stages:
        found += [stage.order] if isinstance(stage, Sort) else [assign.target.tensor for assign in stage.body]
    return found


def _embedded(program: Program, shapes: list[Tensor], context: Place) -> Program:
    """Lay a program over the tensors of the leading part: an elementwise loss becomes one item for each
    position.
    """
    own = [tensor for tensor in program.inputs if tensor.role in TENSOR_ROLES]
    if [t.axes for t in own] == [t.axes for t in shapes] and [t.dtype for t in own] == [
        t.dtype for t in shapes
    ]:
        return renamed(program, {a.name: b.name for a, b in zip(own, shapes, strict=True)})
    fits = len(own) == len(shapes) and all(
        a.role == b.role and not a.axes for a, b in zip(own, shapes, strict=True)
    )
    if not fits or program.stages:
        raise SpecError(
            f"arguments ({_listed(own)}) do not fit those of the leading part ({_listed(shapes)})",
            fix="compose losses with equal axes, or elementwise losses with any other",
            **context,
        )
    axes = shapes[0].axes
    items = tuple(Index(f"{axis.name.lower()}", axis) for axis in axes)
    mapping = {Element(a): Element(b, *items) for a, b in zip(own, shapes, strict=True)}
    terms = tuple(
        replace(
            term,
            value=term.value.xreplace(mapping),
            keep=term.keep.xreplace(mapping),
            mean_by=term.mean_by.xreplace(mapping),
            mean_scale=term.mean_scale.xreplace(mapping),
            items=items,
        )
        for term in program.terms
    )
    parameters = tuple(tensor for tensor in program.inputs if tensor.role not in TENSOR_ROLES)
    return Program((*shapes, *parameters), terms)


def _listed(tensors: list[Tensor]) -> str:
    return ", ".join(tensor.name + "".join(f"[{axis.name}]" for axis in tensor.axes) for tensor in tensors)
