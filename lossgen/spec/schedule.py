"""``@helper``: a plain scalar formula shipped beside the losses, such as the schedule of a parameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from lossgen.errors import SpecError


@dataclass(frozen=True)
class Helper:
    """A scalar function of plain numbers: its exact expression, its signature and its words."""

    name: str
    doc: str
    arguments: tuple[tuple[str, Any], ...]
    expr: sp.Expr
    file: str = ""
    line: int = 0


def helper(function: Callable[..., Any]) -> Helper:
    """Declare a helper; arguments without a default have ``None`` as theirs in `Helper.arguments`."""
    code = function.__code__
    arguments = tuple(
        (name, None if argument.default is inspect.Parameter.empty else argument.default)
        for name, argument in inspect.signature(function).parameters.items()
    )
    try:
        expr = sp.sympify(function(**{name: sp.Symbol(name, real=True) for name, _ in arguments}))
    except (
        Exception
    ) as error:  # the body is the author's code: whatever it raises is reported as a mistake of the spec
        raise SpecError(
            f"the body raised {type(error).__name__}: {error}",
            file=code.co_filename,
            line=code.co_firstlineno,
            loss=function.__name__,
            fix="correct the formula",
        ) from error
    return Helper(
        function.__name__,
        inspect.getdoc(function) or "",
        arguments,
        expr,
        code.co_filename,
        code.co_firstlineno,
    )
