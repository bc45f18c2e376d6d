"""What kernels call the arguments of a loss: their own names, or others where generated code has a use for
those.

Arguments and intermediate tensors of a declaration may have any name; words of Python and variables of the
drivers get an underscore inside kernels, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lossgen.lower.names import RESERVED
from lossgen.spec.model import Loss, Parameter, Variant
from lossgen.spec.program import renamed

__all__ = ["kernel_names", "public", "with_names"]

# What drivers and derivatives call their own variables and arrays.
_DRIVERS = re.compile(
    r"(weight|out|bad|mean_scale|factor|(scale|total|lost|divisor|numerator|state)\d*"
    r"|(one|step|grad|hess|hv|tangent|out|bar|log|mean|largest|result)_.*|_.*)\Z"
)


def kernel_names(loss: Loss) -> dict[str, str]:
    """Return what kernels call each argument and intermediate tensor whose name they cannot use."""
    known = [p.name for p in loss.parameters]
    for variant in loss.variants:
        program = variant.program
        known += [tensor.name for tensor in program.inputs]
        known += [tensor.name for stage in program.stages for tensor in stage.written]
    # An axis is the name of its size.
    taken = {*known, *(axis.name for axis in loss.axes)}
    axes = {axis.name for axis in loss.axes}
    names: dict[str, str] = {}
    for name in dict.fromkeys(known):
        if name in RESERVED or name in axes or _DRIVERS.match(name):
            own = f"{name.lstrip('_') or 'own'}_"
            while own in taken or _DRIVERS.match(own) or own in RESERVED:
                own = f"own_{own}"
            taken.add(own)
            names[name] = own
    return names


def with_names(loss: Loss, names: Mapping[str, str]) -> Loss:
    """Return a loss whose arguments and intermediate tensors have other names."""

    def parameter(one: Parameter) -> Parameter:
        other = None if one.other is None else parameter(one.other)
        return replace(one, name=names.get(one.name, one.name), other=other)

    def variant(one: Variant) -> Variant:
        return replace(one, program=renamed(one.program, dict(names)))

    return replace(
        loss,
        parameters=tuple(map(parameter, loss.parameters)),
        variants=tuple(map(variant, loss.variants)),
        make=None,
    )


def public(described: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Give arguments in what a manifest says of a loss the names that the declaration has for them."""
    back = {own: name for name, own in names.items()}
    if not back:
        return described
    words = re.compile(rf"\b({'|'.join(map(re.escape, back))})\b")

    def each(given: list[str]) -> list[str]:
        return [back.get(name, name) for name in given]

    def keys(given: Mapping[str, str]) -> dict[str, str]:
        return {back.get(name, name): formula for name, formula in given.items()}

    def text(given: str) -> str:
        return words.sub(lambda found: back[found.group()], given)

    def texts(given: Mapping[str, str]) -> dict[str, str]:
        return {name: text(formula) for name, formula in keys(given).items()}

    for argument in (*described["tensors"], *described["params"], *described["static"]):
        argument["name"] = back.get(argument["name"], argument["name"])
    for variant in described["variants"]:
        variant["params"], variant["wrt_all"] = each(variant["params"]), each(variant["wrt_all"])
        variant["gradient_latex"] = keys(variant["gradient_latex"])
        variant["formula_text"] = text(variant["formula_text"])
        variant["gradient_text"] = texts(variant["gradient_text"])
        for rule in variant["curvature"].values():
            if rule["kind"] is not None:
                rule["text"], rule["latex"] = texts(rule["text"]), keys(rule["latex"])
        if variant["prepass"] is not None:
            variant["prepass"]["args"] = each(variant["prepass"]["args"])
    return described
