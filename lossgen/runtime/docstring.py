"""NumPy-style docstrings of losses, put together from the manifest."""

from __future__ import annotations

import textwrap
from inspect import Signature

from lossgen.runtime.manifest import DOMAINS, Entry, Param, Tensor

__all__ = ["documentation"]

_INDENT = " " * 4

_ROLES = {
    "pred": "prediction",
    "target": "target",
    "class": "class of each sample",
    "labels": "labels in order, padded or concatenated",
    "length": "length of each sample",
}

_OPTIONS = {
    "axis": ("int", "Dimension of the classes."),
    "weight": ("array_like, optional", "Weight of each sample, broadcast over the batch."),
    "where": ("array_like of bool, optional", "Samples to keep; others are not read."),
    "reduction": (
        '{"mean", "none", "sum", "weighted_mean", "batchmean"}',
        "How samples become a value.",
    ),
    "upstream": (
        "float or array_like, optional",
        'Derivative of what follows by this value; an array for reduction="none".',
    ),
    "wrt": ("str or tuple of str, optional", "What to differentiate by; the predictions if left out."),
    "out": ("ndarray or tuple of ndarray, optional", "Where to write the result."),
}

_MEANINGS = {
    "bound": "an upper bound of the second derivative that is never negative",
    "irls": "the weight slope / residual, never negative",
}

_RETURNS = {
    "value": "The value, or one per sample.",
    "value_and_grad": "The value, and the gradient (a tuple if several).",
    "grad": "The gradient, a tuple if several.",
    "grad_and_hess": "Gradient and diagonal of the Hessian, element by element and not reduced.",
    "hvp": "The Hessian of the reduced value times the direction `v`.",
}


def documentation(entry: Entry, operation: str, signature: Signature) -> str:
    """Return an operation's docstring: the loss's own words, arguments, result, errors and source."""
    own = entry.doc.strip() or entry.summary
    items = [_tensor(entry, tensor) for tensor in entry.tensors]
    if operation == "hvp":
        items.append(("v", "array_like or tuple of array_like", "Direction, shaped as the predictions."))
    open_choices = {static.name: static for static in entry.statics if static.other is not None}
    items += [_param(param) for param in entry.params if param.name not in open_choices]
    for static in entry.statics:
        choices = ", ".join(map(repr, static.choices))
        kind, facts = f"{{{choices}}}, default {static.default!r}", ""
        if static.name in open_choices:
            (param,) = (param for param in entry.params if param.name == static.name)
            kind = f"{{{choices}}} or float or array_like, default {static.default!r}"
            facts = _range(param)
        items.append((static.name, kind, _sentences(static.doc, facts) or "Static choice."))
    named = {name for name, _, _ in items}
    items += [
        (name, kind, text)
        for name, (kind, text) in (_OPTIONS | {"curvature": _curvature(entry)}).items()
        if name in signature.parameters and name not in named
    ]
    parameters = "\n".join(
        f"{name} : {kind}\n{textwrap.fill(text, 100, initial_indent=_INDENT, subsequent_indent=_INDENT)}"
        for name, kind, text in items
    )
    sections = [
        own,
        f"Parameters\n----------\n{parameters}",
        f"Returns\n-------\n{_RETURNS[operation]}",
        "Raises\n------\nLossError\n"
        "    Where an argument has a wrong shape, type or value; the message names it and the fix.",
    ]
    if entry.source:
        sections.append(f"References\n----------\n{entry.source}")
    return "\n\n".join(sections)


def _curvature(entry: Entry) -> tuple[str, str]:
    """Return the curvature rules, and the formula of each beside the exact one."""
    said = ["Which curvature to return."]
    for name, rule in entry.default_variant.curvature.items():
        if rule.kind is not None:
            formulas = "; ".join(_in_line(text.partition(" = ")[2]) for text in rule.text.values())
            said.append(f"{name!r} is {_MEANINGS[name]}: {formulas}.")
    return f"{{{', '.join(map(repr, entry.curvatures))}}}, default {entry.curvature!r}", " ".join(said)


def _in_line(cases: str) -> str:
    """Return the cases of a formula as one line."""
    return ", ".join(" ".join(line.split()) for line in cases.splitlines())


def _sentences(*texts: str) -> str:
    """Return the texts as sentences: capitals in front, full stops behind."""
    return " ".join(text[0].upper() + text[1:].rstrip(".") + "." for text in texts if text)


def _dimensions(dims: str) -> str:
    """Return in words which dimensions of an array an axis spans."""
    if dims == ":":
        return "all dimensions"
    if dims == "-1":
        return "the last dimension"
    parts = [f"{part[:-1]} and later" if part.endswith(":") else part for part in dims.split(",")]
    return ("dimension " if dims.isdigit() else "dimensions ") + ", ".join(parts)


def _shape(entry: Entry, tensor: Tensor) -> str:
    first = entry.tensors[0]
    if tensor is first and not tensor.axes:
        return "any shape"
    if not tensor.axes or set(tensor.axes) < set(first.axes):
        gone = ", ".join(axis for axis in first.axes if axis not in tensor.axes)
        return f"shape of `{first.name}`" + (f" without axis {gone}" if gone else "")
    axes = [f"{axis} is {_dimensions(entry.axes[axis].dims)}" for axis in tensor.axes if axis in entry.axes]
    return "axis " + ", ".join(axes) if axes else ""


def _tensor(entry: Entry, tensor: Tensor) -> tuple[str, str, str]:
    kind = "array_like" if tensor.is_float else "array_like of int"
    text = tensor.doc or _ROLES.get(tensor.role, tensor.role)
    facts = [DOMAINS.get(tensor.domain, ""), _shape(entry, tensor)]
    if tensor.role == "length":
        facts = [f"the full extent of axis {tensor.over} if left out"]
    elif tensor.over is not None:
        facts.insert(0, f"below the size of axis {tensor.over}")
    return (
        tensor.name,
        kind + (", optional" if tensor.optional else ""),
        _sentences(text, *facts),
    )


def _range(param: Param) -> str:
    return " and ".join(filter(None, (DOMAINS.get(param.domain, ""), param.above)))


def _param(param: Param) -> tuple[str, str, str]:
    kind = "float or array_like" if param.is_float else "int"
    default = "" if param.required else f", default {param.default!r}"
    facts = [_range(param)]
    if param.axes:
        facts.append(f"one for each entry of axis {', '.join(param.axes)}")
    if param.over is not None:
        facts.append(f"a position on axis {param.over}")
    return param.name, kind + default, _sentences(param.doc, *facts) or "Any number."
