"""Templates: they place text, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2

from lossgen.paths import templates_folder


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
