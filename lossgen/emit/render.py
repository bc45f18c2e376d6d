"""Templates: they place text, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2

from lossgen.backends.base import Backend, Unit
from lossgen.paths import templates_folder
from lossgen.runtime.abi import RUNTIME_ABI

__all__ = ["module_text", "render"]


def render(template: str, context: Mapping[str, Any]) -> str:
    """Return a template of `templates/` filled with ready strings; a name that is missing is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(template).render(context)


def module_text(backend: Backend, unit: Unit) -> str:
    """Return the file that a backend makes of a unit, for the runtime of this version."""
    return render(backend.template, {**backend.context(unit), "abi": RUNTIME_ABI})
