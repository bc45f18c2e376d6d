"""Real signatures for losses and their operations, so that help() and editors show every argument."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Any

from lossgen.runtime.bind import options_of, written_name
from lossgen.runtime.manifest import Entry

__all__ = ["operation_signature"]


def operation_signature(entry: Entry, operation: str) -> Signature:
    """Return the signature of one operation: arrays by position or keyword, all else by keyword.

    Parameters
    ----------
    entry : Entry
        What the manifest says about the loss.
    operation : str
        Key of `lossgen.runtime.bind.OPTIONS`.
    """
    arrays = []
    for tensor in entry.tensors:
        default = None if tensor.optional else Parameter.empty
        arrays.append(Parameter(tensor.name, Parameter.POSITIONAL_OR_KEYWORD, default=default))
    if operation == "hvp":
        # The direction follows the arrays that must be given.
        place = sum(not tensor.optional for tensor in entry.tensors)
        arrays.insert(place, Parameter("v", Parameter.POSITIONAL_OR_KEYWORD))
    named: dict[str, Any] = {}
    for param in entry.params:
        named[param.name] = Parameter.empty if param.required else param.default
    for static in entry.statics:
        named[static.name] = static.default
    for name, default in options_of(entry, operation).items():
        named.setdefault(name, default)
    taken = {parameter.name for parameter in arrays}
    keywords = [
        Parameter(written_name(name), Parameter.KEYWORD_ONLY, default=default)
        for name, default in named.items()
        if name not in taken
    ]
    return Signature([*arrays, *keywords])
