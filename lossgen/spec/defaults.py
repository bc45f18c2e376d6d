"""Defaults of parameters: numbers in their domain, and choices that there are."""

from __future__ import annotations

from numbers import Real
from typing import Any

from lossgen.errors import SpecError
from lossgen.spec.domains import described, excluded
from lossgen.spec.program import Place
from lossgen.spec.roles import Role

__all__ = ["check_default"]


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
        numeric = isinstance(default, int if role.dtype == "int" else Real) and not isinstance(default, bool)
        wanted = f"a {'whole' if role.dtype == 'int' else 'finite'} number"
        if role.domain != "real" or role.limit is not None:
            wanted = f"{wanted} {described(role.domain, role.limit)}"
        fits = numeric and excluded(role.domain, role.limit, default) is None
    if not fits:
        raise SpecError(
            f"the default of `{name}` is {default!r}", argument=name, fix=f"give {wanted}", **context
        )


def _is_choice(default: Any, role: Role) -> bool:
    # True == 1, but a flag is no number.
    return any(type(default) is type(one) and default == one for one in role.choices)
