"""Formulas, gradients and Hessians for papers: a fragment for each loss, and a document of all."""

from lossgen.backends.base import Backend, Shared
from lossgen.backends.latex.fragment import context, document

BACKEND = Backend(
    name="latex",
    template="latex/fragment.tex.j2",
    extension="tex",
    context=context,
    whole=True,
    shared=(
        Shared("lossgen-document.tex", "latex/document.tex.j2", document),
        Shared("lossgen.sty", "latex/style.sty.j2"),
    ),
)
