"""How a loss shows itself: one line in a terminal, its formula and arguments in a notebook."""

from __future__ import annotations

from html import escape
from inspect import Signature

from lossgen.runtime.bind import OPTIONS
from lossgen.runtime.manifest import Entry

__all__ = ["documentation", "html_card", "one_line"]


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
        rows.append(rf"$$\ell = {escape(variant.formula, quote=False)}$$")
    for argument, formula in variant.gradient_latex.items():
        by = escape(argument)
        rows.append(rf"$$\frac{{\partial \ell}}{{\partial {by}}} = {escape(formula, quote=False)}$$")
    items = [
        f"<li><code>{escape(param.name)}={param.default!r}</code> {escape(param.doc)}</li>"
        for param in entry.params
    ]
    items += [
        f"<li><code>{escape(static.name)}={static.default!r}</code> {escape(static.doc)} "
        f"({escape(', '.join(map(repr, static.choices)))})</li>"
        for static in entry.statics
    ]
    parameters = f"<ul>{''.join(items)}</ul>" if items else ""
    return "<div>" + "".join(f"<p>{row}</p>" for row in rows) + parameters + "</div>"


_OPTION_TEXT = {
    "axis": "axis : int\n    Dimension of the classes.",
    "weight": "weight : array_like, optional\n    Weight of each sample, broadcast over the batch.",
    "where": "where : array_like of bool, optional\n    Samples to keep; others are not read.",
    "reduction": 'reduction : {"mean", "none", "sum", "weighted_mean", "batchmean"}\n    '
    "How samples become a value.",
    "upstream": "upstream : float or array_like, optional\n    Derivative of what follows by this value; an "
    'array for reduction="none".',
    "wrt": "wrt : str or tuple of str, optional\n    What to differentiate by; the predictions if left out.",
    "curvature": 'curvature : {"exact"}\n    Which curvature to return.',
    "out": "out : ndarray or tuple of ndarray, optional\n    Where to write the result.",
}

_RETURNS = {
    "value": "The value, or one per sample.",
    "value_and_grad": "The value, and the gradient (a tuple if several).",
    "grad": "The gradient, a tuple if several.",
    "grad_and_hess": "Gradient and diagonal of the Hessian, element by element and not reduced.",
    "hvp": "The Hessian of the reduced value times the direction `v`.",
}


def documentation(entry: Entry, operation: str, signature: Signature) -> str:
    """Return the docstring of an operation: the loss's own words, then options and result."""
    own = entry.doc.strip() or entry.summary
    options = [text for name, text in _OPTION_TEXT.items() if name in signature.parameters]
    return "\n\n".join(
        [own, "Options\n-------\n" + "\n".join(options), f"Returns\n-------\n{_RETURNS[operation]}"]
    ).strip()
