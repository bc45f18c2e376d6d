"""How a loss shows itself: one line in a terminal, its formula and arguments in a notebook."""

from __future__ import annotations

from html import escape
from inspect import Signature

from lossgen.runtime.bind import OPTIONS
from lossgen.runtime.manifest import Entry

__all__ = ["html_card", "one_line"]


def one_line(package: str, name: str, entry: Entry, signature: Signature) -> str:
    """Return a text such as ``<loss pkg.name(x, y, *, scale=1.0): what it is>``, usual options left out."""
    own = [parameter for parameter in signature.parameters.values() if parameter.name not in OPTIONS["value"]]
    summary = f": {entry.summary}" if entry.summary else ""
    return f"<loss {package}.{name}{Signature(own)}{summary}>"


def html_card(name: str, entry: Entry, signature: Signature) -> str:
    """Return formula, gradients and parameters for a notebook, with the formulas as LaTeX."""
    variant = entry.default_variant
    rows = [f"<b>{escape(name)}</b>{escape(str(signature))}"]
    if entry.summary:
        rows.append(escape(entry.summary))
    if variant.formula:
        rows.append(rf"$$\begin{{gathered}} {escape(variant.formula, quote=False)} \end{{gathered}}$$")
    for argument, formula in variant.gradient_latex.items():
        by = escape(argument)
        rows.append(rf"$$\frac{{\partial \ell}}{{\partial {by}}} = {escape(formula, quote=False)}$$")
    items = [
        f"<li><code>{escape(param.name)}={param.default!r}</code> {escape(param.doc)}</li>"
        for param in entry.params
        if param.name not in {static.name for static in entry.statics}
    ]
    items += [
        f"<li><code>{escape(static.name)}={static.default!r}</code> {escape(static.doc)} "
        f"({escape(', '.join(map(repr, static.choices)))})</li>"
        for static in entry.statics
    ]
    parameters = f"<ul>{''.join(items)}</ul>" if items else ""
    return "<div>" + "".join(f"<p>{row}</p>" for row in rows) + parameters + "</div>"
