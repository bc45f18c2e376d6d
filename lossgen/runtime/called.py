"""What is called like a function: the short way where a plan is known, else the general one."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Signature
from itertools import takewhile
from typing import Any

from lossgen.runtime.plan import Kind, Plan, kind_of

__all__ = ["Called"]


class Called:
    """What is called with arguments of a loss: the short way where there is a plan, else the general one."""

    _plans: dict[Kind | None, Plan | None]
    _general: Callable[[Kind | None, tuple[Any, ...], dict[str, Any]], Any]
    __signature__: Signature

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Check the arguments and run the kernels."""
        kind = kind_of(args, kwargs)
        if kind is None and kwargs:
            args, kwargs = self._in_order(args, kwargs)
            kind = kind_of(args, kwargs)
        plan = self._plans.get(kind)
        if plan is not None:
            result = plan(args, kwargs.get("out") if kwargs else None)
            if result is not NotImplemented:
                return result
        return self._general(kind, args, kwargs)

    def _in_order(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return arrays given by keyword as if they were given by position, where none is left out."""
        given, others = [*args], {**kwargs}
        parameters = [*self.__signature__.parameters.values()][len(args) :]
        for parameter in takewhile(lambda one: one.kind is one.POSITIONAL_OR_KEYWORD, parameters):
            # By position a direction comes last, wherever the signature shows it.
            if parameter.name not in others or parameter.name == "v":
                break
            given.append(others.pop(parameter.name))
        return tuple(given), others
