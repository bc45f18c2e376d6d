"""One static variant of one loss, from its declaration to a module and what the runtime must know of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lossgen.backends.base import Unit
from lossgen.backends.names import PACKAGE
from lossgen.backends.registry import BACKENDS
from lossgen.emit.manifest import entry
from lossgen.emit.render import render
from lossgen.errors import LossError
from lossgen.lower.names import RESERVED
from lossgen.pipeline.deadline import limited
from lossgen.pipeline.variant import compile_variant
from lossgen.pipeline.waiting import Waiting
from lossgen.runtime.abi import RUNTIME_ABI
from lossgen.runtime.bind import OPTIONS
from lossgen.spec.model import Loss, Parameter

__all__ = ["TAKEN", "compile_static"]

# Seconds that a formula may take; those of the catalogue take less than one.
LIMIT = 60.0
# What calls of any loss take beside its own arguments.
TAKEN = frozenset(name for options in OPTIONS.values() for name in options) | {"v"}
# What the drivers around a kernel call their own variables.
_DRIVERS = re.compile(
    r"(weight|out|mean_scale|factor|(scale|total|lost|state)\d*|(one|grad|hess|hv|tangent|out)_.*)\Z"
)


def compile_static(
    loss: Loss, static: Mapping[str, Any], began: float | None = None
) -> tuple[dict[str, Any], str]:
    """Compile the variant of a loss with these static choices, defaults for the rest.

    Parameters
    ----------
    loss : Loss
        The declaration.
    static : mapping
        Static choices.
    began : float, optional
        When the user began to wait, on `time.monotonic`'s clock.

    Returns
    -------
    entry, text
        What a manifest says about a loss with this variant alone, and its generated module.

    Raises
    ------
    LossError
        If the formula is too much for the generator, or takes too long.
    """
    try:
        with Waiting(f"lossgen is compiling {loss.name}", began):
            message = f"{loss.name} takes more than {LIMIT:.0f} s to compile: make it simpler"
            return limited(LIMIT, message, lambda: _compiled(loss, static))
    except LossError:
        raise
    except RecursionError:
        raise LossError(f"{loss.name} is nested too deeply: make it simpler") from None
    except Exception as error:  # a limit of the generator, whichever stage meets it
        raise LossError(f"the generator cannot compile {loss.name}: {error}") from error


def _compiled(loss: Loss, static: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    internal = {p.name: _internal(p) for p in loss.parameters}
    safe = loss.rename(**{name: own for name, own in internal.items() if name != own})
    # It is the only one of its module.
    compiled = compile_variant(safe, replace(safe.variant(**static), suffix=""))
    backend = BACKENDS[PACKAGE]
    unit = Unit(loss, "a formula given to lossgen.compile", (compiled.kernels,))
    text = render(backend.template, {**backend.context(unit), "abi": RUNTIME_ABI})
    described = entry(safe, [compiled.described], "", [text])
    return {"name": loss.name, **_public(described, {own: name for name, own in internal.items()})}, text


def _internal(parameter: Parameter) -> str:
    """Return what kernels call an argument: Python's words and the drivers' own names are avoided."""
    name = parameter.name
    return f"{name}_" if not parameter.static and (name in RESERVED or _DRIVERS.match(name)) else name


def _public(described: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Give arguments the names that the declaration has for them."""

    def back(given: list[str]) -> list[str]:
        return [names.get(name, name) for name in given]

    for argument in (*described["tensors"], *described["params"]):
        argument["name"] = names.get(argument["name"], argument["name"])
    for variant in described["variants"]:
        variant["params"], variant["wrt_all"] = back(variant["params"]), back(variant["wrt_all"])
        variant["gradient_latex"] = {
            names.get(name, name): formula for name, formula in variant["gradient_latex"].items()
        }
        if variant["prepass"] is not None:
            variant["prepass"]["args"] = back(variant["prepass"]["args"])
    return described
