"""``@loss``: from a Python function over symbols to a `Loss`.

Names, roles, axes and domains are in the signature, the formula is the body, the words are the docstring.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.tensors import Element, Tensor
from lossgen.errors import SpecError
from lossgen.spec.blame import fix_for, line_in, said
from lossgen.spec.compose import assembled, united_axes
from lossgen.spec.composition import Summand
from lossgen.spec.constants import rational
from lossgen.spec.curvature import EXACT, checked_curvature
from lossgen.spec.defaults import check_default
from lossgen.spec.docs import split
from lossgen.spec.language import Body, Sample, running
from lossgen.spec.model import ANY, Assign, Choices, Loss, Parameter, Program, Sort, Sweep, Term, Variant
from lossgen.spec.program import Place
from lossgen.spec.roles import TENSOR_ROLES, Role
from lossgen.spec.signature import (
    check_links,
    check_reads,
    check_role,
    check_shipped,
    check_words,
    context_of,
    signature_of,
)
from lossgen.spec.structure import classify
from lossgen.spec.validate import validate


def loss(
    *,
    family: str,
    source: str = "",
    peers: Mapping[str, str] | None = None,
    variants: Sequence[Mapping[str, Any]] = (),
    structure: str | None = None,
    curvature: str = EXACT,
) -> Callable[[Callable[..., Any]], Loss]:
    """Declare a loss; the decorated name becomes a `Loss`.

    Parameters
    ----------
    family : str
        Heading under which the loss is listed.
    source : str
        Where the formula comes from.
    peers : mapping
        Name of the same loss in other libraries: ``{"torch": "huber_loss"}``.
    variants : sequence of mapping
        Combinations of static choices to ship besides the default and each single change from it.
    structure : str, optional
        The class of structure, where it is not the one that is read off the formula.
    curvature : {"exact", "bound", "irls"}
        What ``grad_and_hess`` returns unless it is told otherwise.
    """

    def decorate(function: Callable[..., Any]) -> Loss:
        context = context_of(function)
        arguments = signature_of(function, context)
        check_words(context, family=family, source=source, peers=peers or {}, structure=structure)
        doc, meanings = split(inspect.getdoc(function) or "", arguments, context)
        parameters = tuple(
            _parameter(name, argument, meanings.get(name, ""), context)
            for name, argument in arguments.items()
        )
        check_links(parameters, context)
        described: dict[str, Any] = {
            "family": family,
            "doc": doc,
            "source": source,
            "peers": tuple(sorted((peers or {}).items())),
            "curvature": checked_curvature(curvature, context),
        }
        if not any(parameter.kind == "pred" for parameter in parameters):
            return replace(_composition(function, parameters, context), **described)

        def make(choices: Choices) -> Variant:
            try:
                program = _program(function, parameters, dict(choices), context)
            except SpecError as error:
                error.loss = error.loss or function.__name__
                raise
            return Variant(choices, _suffix(parameters, choices), program)

        built = tuple(map(make, _combinations(parameters, variants, context)))
        check_reads(parameters, [variant.program for variant in built], context)
        return Loss(
            name=function.__name__,
            structure=structure or classify(built[0].program),
            parameters=parameters,
            variants=built,
            axes=united_axes(_axes(parameters)),
            file=context["file"],
            line=context["line"],
            make=make,
            **described,
        )

    return decorate


def _parameter(name: str, argument: inspect.Parameter, doc: str, context: Place) -> Parameter:
    role = check_role(name, argument, context)
    default = None if argument.default is inspect.Parameter.empty else argument.default
    check_default(name, role, default, context)
    return _declared(name, role, default, doc)


def _declared(name: str, role: Role, default: Any, doc: str) -> Parameter:
    choices = (False, True) if role.optional and role.is_parameter else role.choices
    return Parameter(
        name=name,
        kind=role.kind,
        default=default,
        axes=role.axes,
        dtype=role.dtype,
        over=role.over,
        choices=choices,
        optional=role.optional,
        doc=doc,
        domain=role.domain,
        relaxed_by=role.relaxed_by,
        limit=role.limit,
        spells=role.spells,
        marked_by=role.marked_by,
        other=None if role.other is None else _declared(name, role.other, None, doc),
    )


def _axes(parameters: Sequence[Parameter]) -> Iterator[Axis]:
    for parameter in parameters:
        yield from parameter.axes
        if parameter.over is not None:
            yield parameter.over


def _combinations(
    parameters: Sequence[Parameter], extra: Sequence[Mapping[str, Any]], context: Place
) -> list[tuple[tuple[str, Any], ...]]:
    static = [p for p in parameters if p.static]
    default = {p.name: p.default_choice for p in static}
    wanted = [default]
    wanted += [default | {p.name: value} for p in static for value in p.variants if value != default[p.name]]
    for one in extra:
        check_shipped(one, static, context)
        wanted.append(default | dict(one))
    unique: list[tuple[tuple[str, Any], ...]] = []
    for one in wanted:
        if (item := tuple(one.items())) not in unique:
            unique.append(item)
    return unique


def _suffix(parameters: Sequence[Parameter], choice: Sequence[tuple[str, Any]]) -> str:
    defaults = {p.name: p.default_choice for p in parameters if p.static}
    parts = []
    for name, value in choice:
        if value != defaults[name]:
            text = name if value is True else f"no_{name}" if value is False else f"{name}_{value}"
            parts.append("".join(c if c.isalnum() else "_" for c in text))
    return "__".join(parts)


def _tensor(parameter: Parameter, relaxed: bool) -> Tensor:
    role = parameter.kind if parameter.kind in (*TENSOR_ROLES, "per_class") else "param"
    return Tensor(
        parameter.name, parameter.axes, parameter.dtype, role, "real" if relaxed else parameter.domain
    )


def _program(
    function: Callable[..., Any],
    parameters: Sequence[Parameter],
    static: Mapping[str, Any],
    context: Place,
) -> Program:
    arguments: dict[str, Any] = {}
    inputs: list[Tensor] = []
    extents: list[tuple[Axis, Element]] = []
    for parameter in parameters:
        absent = parameter.optional and parameter.static and not static[parameter.name]
        if parameter.other is not None and static[parameter.name] == ANY:
            parameter = parameter.other
        if parameter.static and not parameter.optional:
            arguments[parameter.name] = static[parameter.name]
        elif absent:
            arguments[parameter.name] = None
        else:
            tensor = _tensor(parameter, bool(static.get(parameter.relaxed_by)))
            inputs.append(tensor)
            arguments[parameter.name] = tensor if tensor.axes else Element(tensor)
            if parameter.kind == "length" and parameter.over is not None:
                extents.append((parameter.over, Element(tensor)))
    body = Body(names={tensor.name for tensor in inputs})
    returned = _returned(function, arguments, body, context)
    given = _sample(returned, context)
    # Tensors of the call come first, then run-time parameters: the order of a kernel's arguments.
    inputs.sort(key=lambda tensor: tensor.role in ("param", "per_class"))
    program = Program(tuple(inputs), (_term(given),), tuple(map(_stage, body.stages)), tuple(extents))
    validate(program, context)
    return program


def _sample(returned: Any, context: Place) -> Sample:
    """Return what a body gives as a sample; texts are refused, for SymPy would run them as code."""
    given = returned if isinstance(returned, Sample) else Sample(returned)
    if given.value is None:
        raise SpecError("the body returns nothing", fix="end it with `return` and the formula", **context)
    if isinstance(given.value, int | float):
        given = replace(given, value=sp.sympify(given.value))
    if not isinstance(given.value, sp.Expr):
        kind = type(given.value).__name__
        raise SpecError(f"the body returns {kind}", fix="return one formula: an expression", **context)
    return given


def _returned(function: Callable[..., Any], arguments: Mapping[str, Any], body: Body, context: Place) -> Any:
    """Run the body; it is the author's code, so whatever it raises is reported as a mistake of the spec."""
    token = running.set(body)
    try:
        return function(**arguments)
    except SpecError:
        raise
    except Exception as error:
        raise SpecError(
            f"the body raised {said(error)}",
            fix=fix_for(error, "correct the formula"),
            file=context["file"],
            line=line_in(error, context["file"]) or context["line"],
            loss=context["loss"],
        ) from error
    finally:
        running.reset(token)


def _composition(function: Callable[..., Any], parameters: Sequence[Parameter], context: Place) -> Loss:
    """Return the loss of a body that adds losses up; its arguments are factors and shared parameters."""
    for parameter in parameters:
        if parameter.static or parameter.kind in TENSOR_ROLES:
            raise SpecError(
                f"`{parameter.name}` is no number, and no argument is a prediction",
                argument=parameter.name,
                fix="annotate the prediction with Pred; a sum of losses takes numbers only",
                **context,
            )
    taken = {parameter.name: _tensor(parameter, False) for parameter in parameters}
    arguments = {name: tensor if tensor.axes else Element(tensor) for name, tensor in taken.items()}
    returned = _returned(function, arguments, Body(), context)
    if not isinstance(returned, Summand):
        raise SpecError(
            "no argument is a prediction", fix="annotate it with Pred, or return a sum of losses", **context
        )
    return assembled(returned, parameters, context)


def _stable_names(indices: Sequence[Index]) -> dict[sp.Basic, sp.Basic]:
    """Give free indices names that depend on the formula alone (fresh ones count calls)."""
    seen: dict[str, int] = {}
    names: dict[sp.Basic, sp.Basic] = {}
    for one in indices:
        stem = one.axis.name.lower()
        seen[stem] = seen.get(stem, 0) + 1
        names[one] = Index(stem if seen[stem] == 1 else f"{stem}{seen[stem]}", one.axis)
    return names


def _term(given: Sample) -> Term:
    names = _stable_names(given.items)
    return Term(
        value=rational(given.value.xreplace(names)),
        items=tuple(names[i] for i in given.items),
        keep=given.keep.xreplace(names),
        mean_by=rational(given.mean_by.xreplace(names)),
        mean_weighted=given.mean_weighted,
        mean_scale=rational(given.mean_scale.xreplace(names)),
    )


def _stage(stage: Sweep | Sort) -> Sweep | Sort:
    if isinstance(stage, Sort):
        names = _stable_names((stage.index,))
        return Sort(stage.order, names[stage.index], rational(stage.key.xreplace(names)), stage.descending)
    names = _stable_names(stage.indices)
    body = tuple(Assign(a.target.xreplace(names), rational(a.expr.xreplace(names))) for a in stage.body)
    return Sweep(tuple(names[i] for i in stage.indices), body, stage.reverse, stage.positive)
