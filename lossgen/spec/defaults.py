"""Defaults of parameters: numbers in their domain, and choices that there are."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

from lossgen.errors import SpecError
from lossgen.spec.program import Place
from lossgen.spec.roles import Role

__all__ = ["check_default"]

_DOMAINS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "positive": ("a positive number", lambda value: value > 0),
    "nonnegative": ("a number that is not negative", lambda value: value >= 0),
    "unit": ("a number in [0, 1]", lambda value: 0 <= value <= 1),
}


def check_default(name: str, role: Role, default: Any, context: Place) -> None:
    """Refuse a default that no call could have given.

    Raises
    ------
    SpecError
        If the default is no choice of a static parameter, no number, or outside the domain.
    """
    if not role.is_parameter and not role.choices:
        return
    if role.choices:
        wanted, fits = f"one of {', '.join(map(repr, role.choices))}", _is_choice(default, role)
    elif default is None:
        return
    else:
        wanted, inside = _DOMAINS.get(role.domain, ("a number", lambda value: True))
        if role.dtype == "int":
            wanted = "a whole number"
        numeric = isinstance(default, int if role.dtype == "int" else Real) and not isinstance(default, bool)
        fits = numeric and inside(default)
    if not fits:
        raise SpecError(
            f"the default of `{name}` is {default!r}", argument=name, fix=f"give {wanted}", **context
        )


def _is_choice(default: Any, role: Role) -> bool:
    # True == 1, but a flag is no number.
    return any(type(default) is type(one) and default == one for one in role.choices)
