"""What the signature of a declaration must satisfy, and what its body must do with it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lossgen.algebra.axes import Axis
from lossgen.algebra.tensors import tensors
from lossgen.errors import SpecError
from lossgen.spec.model import Parameter
from lossgen.spec.program import Place, Program, Sort
from lossgen.spec.roles import TENSOR_ROLES, Role
from lossgen.spec.structure import STRUCTURES

__all__ = [
    "check_links",
    "check_name",
    "check_reads",
    "check_role",
    "check_shipped",
    "check_words",
    "context_of",
    "signature_of",
]

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
# What a generated package has beside its losses.
_TAKEN = ("all",)


def context_of(function: Any) -> Place:
    """Return where a declaration stands.

    Raises
    ------
    SpecError
        If it is no plain function, or its name is one that no loss can have.
    """
    if not inspect.isfunction(function):
        raise SpecError(
            f"@loss stands above {function!r}, which is no function",
            fix="declare the loss as a function: its arguments, and `return` with the formula",
        )
    code = function.__code__
    place: Place = {"file": code.co_filename, "line": code.co_firstlineno, "loss": function.__name__}
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise SpecError(
            "the function has no body that returns a formula",
            fix="take `async` and `yield` out; end the body with `return` and the formula",
            **place,
        )
    check_name(place)
    return place


def check_name(place: Place) -> None:
    """Refuse a name that no loss of a package can have."""
    name = place["loss"]
    if not name.isidentifier() or name.startswith("_") or name in _TAKEN:
        raise SpecError(
            f"a package has no room for a loss of the name {name!r}",
            fix=f"give it one that starts with a letter and is not {' or '.join(map(repr, _TAKEN))}",
            **place,
        )


def check_words(context: Place, *, family: Any, source: Any, peers: Any, structure: Any) -> None:
    """Refuse arguments of ``@loss`` that are not the words they should be."""
    named = isinstance(peers, Mapping) and all(
        isinstance(word, str) for pair in peers.items() for word in pair
    )
    for argument, given, fits, fix in (
        ("family", family, isinstance(family, str) and family.strip(), 'a heading, such as "regression"'),
        ("source", source, isinstance(source, str), "where the formula comes from, as text"),
        ("peers", peers, named, 'its names elsewhere: {"torch": "huber_loss"}'),
        (
            "structure",
            structure,
            structure is None or structure in STRUCTURES,
            f"one of {', '.join(STRUCTURES)}",
        ),
    ):
        if not fits:
            raise SpecError(f"{argument}={given!r}", argument=argument, fix=f"give {fix}", **context)


def signature_of(function: Callable[..., Any], context: Place) -> Mapping[str, inspect.Parameter]:
    """Return the arguments of a declaration by name; all of them have names."""
    found = inspect.signature(function).parameters
    for name, argument in found.items():
        if argument.kind not in _NAMED:
            raise SpecError(
                f"`{name}` stands for any number of arguments",
                argument=name,
                fix="name every argument of the loss, each with its role",
                **context,
            )
    return found


def check_role(name: str, argument: inspect.Parameter, context: Place) -> Role:
    """Return the role of an argument.

    Raises
    ------
    SpecError
        If it has none, or an unfinished one, or a default that means nothing.
    """
    role = argument.annotation
    given = argument.default is not inspect.Parameter.empty
    wrong: tuple[str, str] | None = None
    if not isinstance(role, Role):
        missing = role is inspect.Parameter.empty
        wrong = (
            f"`{name}` has no annotation" if missing else f"`{name}` has annotation {role!r}",
            "annotate it with a role of lossgen.spec: Pred, Target, Class[C], Positive, Int, Flag ...",
        )
    elif role.kind == "optional":
        wrong = f"`{name}` is Optional of nothing", "say what it is: Optional[Positive], Optional[Target]"
    elif role.points and role.over is None:
        shown = role.kind.capitalize()
        wrong = f"`{name}` points into no axis", f'say which, {shown}[C] with C = axis("C")'
    elif role.kind in TENSOR_ROLES and given and not (role.optional and argument.default is None):
        wrong = (
            f"`{name}` has the default {argument.default!r}",
            "take it out: arrays are given in every call; what may be left out is Optional[...] = None",
        )
    elif given and argument.default is None and not role.optional and not role.choices:
        wrong = (
            f"the default of `{name}` is None",
            "take the default out, and every call gives it; or annotate it with Optional[...]",
        )
    if wrong is not None:
        raise SpecError(wrong[0], argument=name, fix=wrong[1], **context)
    return role


def check_links(parameters: Sequence[Parameter], context: Place) -> None:
    """Refuse roles that speak of arguments that are not there, and axes of one name that differ."""
    flags = [one.name for one in parameters if one.static]
    axes: dict[str, Axis] = {}
    for one in parameters:
        if one.relaxed_by and one.relaxed_by not in flags:
            raise SpecError(
                f"`{one.name}` is real if {one.relaxed_by!r} is set, which is no flag of the loss",
                argument=one.name,
                fix=f"add the argument {one.relaxed_by}: Flag = False",
                **context,
            )
        for axis in (*one.axes, *([one.over] if one.over else [])):
            known = axes.setdefault(axis.name, axis)
            if (known.dims, known.when, known.extent) != (axis.dims, axis.when, axis.extent):
                raise SpecError(
                    f"two axes are named {axis.name!r} and differ",
                    argument=one.name,
                    fix="give one of them another name, or declare the axis once",
                    **context,
                )


def check_shipped(choices: Mapping[str, Any], static: Sequence[Parameter], context: Place) -> None:
    """Refuse a combination of static choices that names what is no choice."""
    known = {one.name: (False, True) if one.optional else one.variants for one in static}
    for name, value in choices.items():
        if name not in known or value not in known[name]:
            there = name in known
            raise SpecError(
                f"variants names {f'{name}={value!r}' if there else [name]}",
                argument="variants",
                fix=f"give one of {', '.join(map(repr, known[name]))}"
                if there
                else f"static parameters are {sorted(known)}",
                **context,
            )


def check_reads(parameters: Sequence[Parameter], programs: Iterable[Program], context: Place) -> None:
    """Refuse an argument that changes nothing: it was misspelled in the body, or forgotten."""
    read: set[str] = set()
    for program in programs:
        read |= _read(program)
    for parameter in parameters:
        unused = parameter.name not in read and not (parameter.static and not parameter.optional)
        if unused and parameter.kind != "length":
            raise SpecError(
                f"the formula does not read `{parameter.name}`",
                argument=parameter.name,
                fix="use it in the formula, or take it out of the signature",
                **context,
            )


def _read(program: Program) -> set[str]:
    parts = [
        part for term in program.terms for part in (term.value, term.keep, term.mean_by, term.mean_scale)
    ]
    for stage in program.stages:
        parts += [stage.key] if isinstance(stage, Sort) else [assign.expr for assign in stage.body]
    return {tensor.name for part in parts for tensor in tensors(part)}
