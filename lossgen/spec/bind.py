"""A run-time parameter bound to a number: it becomes a constant of the formula."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lossgen.algebra.tensors import Element
from lossgen.errors import SpecError
from lossgen.spec.constants import exact
from lossgen.spec.domains import excluded
from lossgen.spec.program import Program, rewritten

if TYPE_CHECKING:
    from lossgen.spec.model import Parameter

_BOUND_KINDS = ("real", "positive", "nonnegative", "unit", "int", "per_class")


def bind(program: Program, parameter: Parameter, value: Any, loss: str) -> Program:
    """Return the program with a parameter at a number.

    Raises
    ------
    SpecError
        Where the argument is an array or a position, or the number lies outside its domain.
    """
    name = parameter.name
    if parameter.kind not in _BOUND_KINDS:
        raise SpecError(
            f"`{name}` is no number", loss=loss, argument=name, fix="bind numbers and static choices only"
        )
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and (parameter.dtype == "int" or not isinstance(value, float | Fraction)):
        kind = "a whole number" if parameter.dtype == "int" else "a number"
        raise SpecError(f"`{name}`={value!r} is not {kind}", loss=loss, argument=name, fix=f"give {kind}")
    number = exact(value)
    must = "finite" if number is None else excluded(parameter.domain, parameter.limit, value)
    if must is not None:
        raise SpecError(
            f"`{name}`={value!r} is not allowed", loss=loss, argument=name, fix=f"it must be {must}"
        )

    def rewrite(expr: Any) -> Any:
        reads = {one: number for one in expr.atoms(Element) if one.tensor.name == name}
        return expr.xreplace(reads)

    bound = rewritten(program, rewrite)
    inputs = tuple(tensor for tensor in bound.inputs if tensor.name != name)
    return Program(inputs, bound.terms, bound.stages, bound.extents)
