"""One static variant of one loss, from its declaration to a module and what the runtime must know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lossgen.backends.base import Unit
from lossgen.backends.names import PACKAGE
from lossgen.backends.registry import BACKENDS
from lossgen.emit.manifest import entry
from lossgen.emit.render import module_text
from lossgen.errors import LossError
from lossgen.pipeline.deadline import limited
from lossgen.pipeline.make import check_curvature
from lossgen.pipeline.names import kernel_names, public, with_names
from lossgen.pipeline.variant import compile_variant
from lossgen.pipeline.waiting import Waiting
from lossgen.runtime.bind import OPTIONS
from lossgen.spec.model import Loss

__all__ = ["TAKEN", "compile_static"]

# Seconds that a formula may take; those of the catalogue take less than one.
LIMIT = 60.0
# What calls of any loss take beside its own arguments.
TAKEN = frozenset(name for options in OPTIONS.values() for name in options) | {"v"}


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
        said = str(error) or type(error).__name__
        raise LossError(f"the generator cannot compile {loss.name}: {said}") from error


def _compiled(loss: Loss, static: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    # It is the only one of its module.
    alone = replace(loss, variants=(replace(loss.variant(**static), suffix=""),))
    names = kernel_names(alone)
    safe = with_names(alone, names)
    compiled = compile_variant(safe, safe.variants[0])
    if alone.variants[0].static == loss.variants[0].static:
        check_curvature(loss, compiled.described.rules)
    backend = BACKENDS[PACKAGE]
    unit = Unit(loss, "a formula given to lossgen.compile", (compiled.kernels,))
    text = module_text(backend, unit)
    described = entry(safe, [compiled.described], "", [text])
    return {"name": loss.name, **public(described, names)}, text
