"""Sort the arguments of a call into tensors, parameters, static choices and options."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from keyword import iskeyword
from typing import Any

import numpy as np

from lossgen.errors import LossError, LossTypeError, LossValueError
from lossgen.runtime.manifest import Entry, Static, Variant

__all__ = [
    "OPTIONS",
    "Binder",
    "Request",
    "did_you_mean",
    "find_variant",
    "no_variant",
    "options_of",
    "wanted_choices",
    "written_name",
]

# Keyword options of each operation with their defaults; `options_of` says what a loss makes of them.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "value": {"weight": None, "where": None, "reduction": "mean", "out": None},
    "value_and_grad": {
        "weight": None,
        "where": None,
        "reduction": "mean",
        "upstream": None,
        "wrt": None,
        "out": None,
    },
    "grad": {"weight": None, "where": None, "reduction": "mean", "upstream": None, "wrt": None, "out": None},
    "grad_and_hess": {"weight": None, "where": None, "curvature": "exact", "out": None},
    "hvp": {"weight": None, "where": None, "reduction": "mean", "upstream": None, "out": None},
}

_ELSEWHERE = {
    "upstream": "value_and_grad, grad and hvp take it",
    "wrt": "value_and_grad and grad take it",
    "curvature": "grad_and_hess takes it",
    "reduction": "it works element by element, without a reduction",
    "axis": "this loss has no class axis",
}


class Request:
    """The sorted arguments of one call; arguments that were left out are not in it, options are."""

    __slots__ = ("options", "params", "static", "tensors")

    def __init__(self, options: dict[str, Any]) -> None:
        self.tensors: dict[str, Any] = {}
        self.params: dict[str, Any] = {}
        self.static: dict[str, Any] = {}
        self.options = options


class Binder:
    """Sorts the arguments of one operation of one loss.

    Parameters
    ----------
    call : str
        How the operation is written, for messages.
    entry : Entry
        What the manifest says about the loss.
    operation : str
        Key of `OPTIONS`.
    """

    def __init__(self, call: str, entry: Entry, operation: str) -> None:
        self.call = call
        self.has_tangent = operation == "hvp"
        self.tensors = [tensor.name for tensor in entry.tensors]
        self.required = [tensor.name for tensor in entry.tensors if not tensor.optional]
        self.options = options_of(entry, operation)
        self._home: dict[str, str] = dict.fromkeys(self.tensors, "tensors")
        self._home.update({param.name: "params" for param in entry.params})
        self._home.update({static.name: "static" for static in entry.statics})
        # A loss may name a parameter like an option: the declaration wins.
        self._home.update({name: "options" for name in self.options if name not in self._home})
        # A word of Python cannot be written before `=`: it is taken with an underscore as well.
        spelled = {written_name(name): name for name in self._home}
        self._spelled = {written: name for written, name in spelled.items() if written not in self._home}
        self._must = [param.name for param in entry.params if param.required]

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Request:
        """Sort the arguments; raise LossTypeError for unknown, repeated or missing ones."""
        request = Request(dict(self.options))
        if self.has_tangent:
            args = self._take_tangent(args, kwargs, request)
        if len(args) > len(self.tensors):
            raise LossTypeError(self._too_many(len(args)))
        tensors = request.tensors
        for name, value in zip(self.tensors, args, strict=False):
            tensors[name] = value
        for given, value in kwargs.items():
            name = self._spelled.get(given, given)
            home = self._home.get(name)
            if home == "params":
                if name in request.params:
                    raise LossTypeError(
                        f"{self.call} got {name} twice: as {name} and as {written_name(name)}"
                    )
                request.params[name] = value
            elif home == "options":
                request.options[name] = value
            elif home == "static":
                request.static[name] = value
            elif home == "tensors":
                if name in tensors:
                    raise LossTypeError(f"{self.call} got {name} twice: by position and by keyword")
                tensors[name] = value
            elif not (self.has_tangent and name == "v"):
                raise LossTypeError(self._unknown(name))
        for name in self.required:
            if name not in tensors:
                known = ", ".join(self.tensors)
                raise LossTypeError(f"{self.call} misses the argument {name}: it takes {known}")
        for name in self._must:
            if request.params.get(name) is None:
                raise LossTypeError(f"{self.call} misses {name}, which has no default: pass {name}=")
        return request

    def _take_tangent(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], request: Request
    ) -> tuple[Any, ...]:
        if "v" in kwargs:
            request.options["v"] = kwargs["v"]
            return args
        # As in the signature: after the arrays that must be given, before those that may be left out.
        place = sum(name not in kwargs for name in self.required)
        if len(args) <= place:
            raise LossTypeError(
                f"{self.call} misses the direction v: pass it after {self.required[-1]} or as v=, an array "
                "(or a tuple of arrays) shaped like the predictions"
            )
        request.options["v"] = args[place]
        return args[:place] + args[place + 1 :]

    def _too_many(self, count: int) -> str:
        parameters = [name for name, home in self._home.items() if home in ("params", "static")]
        keyword = f"; pass parameters by keyword, for example {parameters[0]}=" if parameters else ""
        known = ", ".join(self.tensors)
        return f"{self.call} takes {len(self.tensors)} array(s) by position ({known}), got {count}{keyword}"

    def _unknown(self, name: str) -> str:
        if name in _ELSEWHERE:
            return f"{self.call} takes no {name}: {_ELSEWHERE[name]}"
        return f"{self.call} has no argument {name!r}{did_you_mean(name, list(self._home))}"


def options_of(entry: Entry, operation: str) -> dict[str, Any]:
    """Return the keyword options of an operation of a loss, with their defaults."""
    options: dict[str, Any] = {} if entry.class_axis is None else {"axis": 1}
    options |= OPTIONS[operation]
    if "curvature" in options:
        options["curvature"] = entry.curvature
    return options


def written_name(name: str) -> str:
    """Return how an argument is written in a call: words of Python have an underscore added."""
    return f"{name}_" if iskeyword(name) else name


def did_you_mean(name: object, names: list[str]) -> str:
    """Return a hint at the closest allowed name, or at all of them."""
    close = difflib.get_close_matches(str(name), names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; allowed: {', '.join(names)}"


def wanted_choices(entry: Entry, request: Request) -> dict[str, Any]:
    """Return the static choices of a call, and which optional parameters it has; empty means all defaults."""
    if not request.static and not any(param.name in request.params for param in entry.optional_params):
        return {}
    wanted: dict[str, Any] = {}
    for static in entry.statics:
        given = request.static.get(static.name, static.default)
        wanted[static.name] = choice = _checked_choice(static, given)
        if static.other is not None and choice == static.other:
            request.params[static.name] = given
    for param in entry.optional_params:
        wanted[param.name] = request.params.get(param.name, param.default) is not None
    return wanted


def find_variant(entry: Entry, wanted: Mapping[str, Any]) -> Variant | None:
    """Return the variant of these choices, if it has kernels."""
    if not wanted:
        return entry.default_variant
    for variant in entry.variants:
        if all(variant.static.get(name, _default(entry, name)) == value for name, value in wanted.items()):
            return variant
    return None


def no_variant(loss: str, entry: Entry, wanted: Mapping[str, Any], reason: LossError) -> LossError:
    """Return the error for choices that have no kernels and cannot be compiled."""
    shipped = "; ".join(_written(variant.static) for variant in entry.variants)
    return LossError(
        f"{loss} has no kernels for {_written(wanted)}. Combinations that exist: {shipped}. Others are "
        f"compiled on first use, but {reason}"
    )


def _default(entry: Entry, name: str) -> Any:
    for static in entry.statics:
        if static.name == name:
            return static.default
    return any(param.name == name and param.default is not None for param in entry.params)


def _checked_choice(static: Static, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    for choice in static.choices:
        # True == 1 in Python, but p=True is a mistake where p is 1 or 2.
        comparable = isinstance(value, (int, float, str)) and isinstance(choice, bool) == isinstance(
            value, bool
        )
        if value is choice or (comparable and choice == value):
            return choice
        # An infinity may be written "inf", as the choice is.
        if isinstance(value, float) and value == math.inf and choice == "inf":
            return choice
    if static.other is not None and not isinstance(value, (str, bool, type(None))):
        return static.other
    allowed = " or ".join([*map(repr, static.choices), *(["a number"] if static.other else [])])
    same_kind = any(type(choice) is type(value) for choice in static.choices)
    error = LossValueError if same_kind else LossTypeError
    raise error(f"{static.name}={value!r} is not a choice: use {allowed}")


def _written(static: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in static.items()) or "defaults"
