"""How a loss shows itself: one line in a terminal; formula, plot, arguments and accuracy in a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from inspect import Signature
from typing import Any

from lossgen.runtime.bind import OPTIONS
from lossgen.runtime.manifest import Entry
from lossgen.runtime.svg import COLOURS, panel, side_by_side

__all__ = ["html_card", "one_line"]

_CELL = 'style="text-align:left;padding:2px 10px"'
_COLUMNS = {
    "points": "points", "mean_ulp": "mean ulp", "max_ulp": "largest ulp", "over_4": "above 4 ulp",
    "failed": "failed",
}  # fmt: skip
_IN_STEPS = "The gradient is computed in steps, backwards through the formula; `lossgen explain` shows them."
_PASSES = (
    "Errors in units in the last place, against the exact expression in high precision. A point fails if it "
    "is neither within the bound of its output nor exact for inputs moved by at most 2 ulp."
)


def one_line(package: str, name: str, entry: Entry, signature: Signature) -> str:
    """Return a text such as ``<loss pkg.name(x, y, *, scale=1.0): what it is>``, usual options left out."""
    own = [parameter for parameter in signature.parameters.values() if parameter.name not in OPTIONS["value"]]
    summary = f": {entry.summary}" if entry.summary else ""
    return f"<loss {package}.{name}{Signature(own)}{summary}>"


def html_card(loss: Any, curve: Any) -> str:
    """Return what a notebook shows of a loss, its formulas as LaTeX.

    Parameters
    ----------
    loss : Loss
        The loss.
    curve : Curve or None
        What is plotted, if anything is.
    """
    entry: Entry = loss.entry
    variant = entry.default_variant
    parts = [f"<p><b>{escape(loss.name)}</b>{escape(str(loss.__signature__))}</p>"]
    if entry.summary:
        parts.append(f"<p>{_prose(entry.summary)}</p>")
    if variant.formula:
        parts.append(_mathematics(rf"\begin{{gathered}} {variant.formula} \end{{gathered}}"))
    for argument, formula in variant.gradient_latex.items():
        by = escape(argument).replace("_", r"\_")
        by = by if len(by) == 1 else rf"\mathrm{{{by}}}"
        parts.append(_mathematics(rf"\frac{{\partial \ell}}{{\partial {by}}} = {formula}"))
    if not variant.gradient_latex:
        parts.append(f"<p>{_prose(_IN_STEPS)}</p>")
    if curve is not None:
        parts.append(_plot(curve))
    parts.append(_table(("argument", "default", "meaning"), _arguments(entry)))
    parts.append(_accuracy(loss.accuracy))
    return f"<div>{''.join(parts)}</div>"


def _prose(text: str) -> str:
    """Return a text whose words in backticks are code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _mathematics(text: str) -> str:
    # What is wider than the page scrolls by itself, not with the page.
    return f'<div style="overflow-x:auto;overflow-y:hidden">$${escape(text, quote=False)}$$</div>'


def _plot(curve: Any) -> str:
    drawn = [("value", curve.value), ("gradient", curve.gradient), ("curvature", curve.curvature)]
    panels = [
        panel(what, curve.moved, curve.x, numbers, colour)
        for (what, numbers), colour in zip(drawn, COLOURS, strict=True)
        if numbers is not None
    ]
    return f"<p>{side_by_side(panels, f'plots {curve.title}')}<br><small>{escape(curve.title)}</small></p>"


def _arguments(entry: Entry) -> Iterator[tuple[str, ...]]:
    choices = {static.name for static in entry.statics}
    for param in entry.params:
        if param.name not in choices:
            default = "" if param.required else f"<code>{escape(repr(param.default))}</code>"
            yield f"<code>{escape(param.name)}</code>", default, _prose(param.doc)
    for static in entry.statics:
        listed = escape(", ".join(map(repr, static.choices)))
        default = f"<code>{escape(repr(static.default))}</code>"
        yield f"<code>{escape(static.name)}</code>", default, f"{_prose(static.doc)} ({listed})"


def _accuracy(accuracy: Any) -> str:
    """Return the certificate as a table; nothing where there is none, or one of another kind."""
    if not isinstance(accuracy, Mapping):
        return ""
    rows = [
        (escape(f"{output}"), escape(f"{dtype}"), *(_measured(key, one.get(key)) for key in _COLUMNS))
        for output, dtypes in accuracy.items()
        if isinstance(dtypes, Mapping)
        for dtype, one in dtypes.items()
        if isinstance(one, Mapping)
    ]
    if not rows:
        return ""
    return _table(("output", "dtype", *_COLUMNS.values()), rows) + f"<p><small>{_PASSES}</small></p>"


def _measured(key: str, value: Any) -> str:
    if not isinstance(value, int | float):
        return ""
    return f"{value:.3g}" if key.endswith("_ulp") else f"{value:,}" if key == "points" else f"{value:.2%}"


def _table(head: tuple[str, ...], rows: Any) -> str:
    found = list(rows)
    if not found:
        return ""
    top = "".join(f"<th {_CELL}>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td {_CELL}>{cell}</td>" for cell in row) + "</tr>" for row in found)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
