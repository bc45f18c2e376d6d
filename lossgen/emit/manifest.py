"""The manifest: everything the user side must know about each loss, as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import sympy as sp

from lossgen.backends.base import VariantKernels
from lossgen.emit.notation import Notation
from lossgen.lower.passes import passes_over
from lossgen.spec.model import Loss, Parameter, Sweep, Variant
from lossgen.spec.schedule import Helper

# The version of the calling convention that generated modules follow; the runtime refuses any other.
ABI = 1
TENSORS = ("pred", "target", "class", "labels", "length")


def manifest(entries: Mapping[str, dict[str, Any]], helpers: tuple[Helper, ...]) -> str:
    """Return the text of ``manifest.json``."""
    content = {
        "abi": ABI,
        "generator": "lossgen build",
        "helpers": {h.name: {"module": "helpers", "doc": h.doc} for h in helpers},
        "losses": dict(entries),
    }
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def entry(
    loss: Loss, variants: list[tuple[Variant, VariantKernels, str | None]], module: str, text: str
) -> dict[str, Any]:
    """Return what the manifest says about one loss.

    Parameters
    ----------
    loss : Loss
        Its declaration.
    variants : list
        Each variant with its kernels and the reason why it has no Hessian diagonal, if it has none.
    module : str
        Where its kernels are, relative to the package.
    text : str
        Text of that module, for the fingerprint.
    """
    return {
        "family": loss.family,
        "summary": loss.summary,
        "doc": loss.doc,
        "source": loss.source,
        "peers": dict(sorted(loss.peers)),
        "structure": loss.structure,
        "module": module,
        "axes": {
            axis.name: {"dims": axis.dims, "when": dict(axis.when)}
            for axis in loss.axes
            if axis.extent is None
        },
        "tensors": [_tensor(p) for p in loss.parameters if p.kind in TENSORS],
        "params": [_param(p) for p in loss.parameters if is_param(p)],
        "static": [
            {"name": p.name, "choices": list(p.choices), "default": p.default_choice, "doc": p.doc}
            for p in loss.parameters
            if p.static
        ],
        "variants": [_variant(loss, v, kernels, reason, text) for v, kernels, reason in variants],
    }


def is_param(parameter: Parameter) -> bool:
    """Tell whether an argument is a number or array given at run time."""
    return parameter.kind not in TENSORS and (not parameter.static or parameter.optional)


def _tensor(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "role": parameter.kind,
        "axes": [axis.name for axis in parameter.axes],
        "dtype": parameter.dtype,
        "domain": parameter.domain,
        "relaxed_by": parameter.relaxed_by,
        "over": parameter.over.name if parameter.over else None,
        "optional": parameter.optional or parameter.kind == "length",
    }


def _param(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "kind": parameter.kind,
        "dtype": parameter.dtype,
        "axes": [axis.name for axis in parameter.axes],
        "over": parameter.over.name if parameter.over else None,
        "default": parameter.default,
        "domain": parameter.domain,
        "optional": parameter.optional,
        "doc": parameter.doc,
    }


def _variant(
    loss: Loss, variant: Variant, kernels: VariantKernels, reason: str | None, text: str
) -> dict[str, Any]:
    program = variant.program
    terms = program.terms
    names = {t.name for t in program.inputs}
    kinds = [kernel.kind for kernel in kernels.kernels] + (["prepass"] if kernels.prepass else [])
    prepass = None
    if kernels.prepass is not None:
        given = [t.name for t in kernels.prepass.routine.inputs if t.role != "weight"]
        prepass = {"args": given, "mean_scale": kernels.mean_scale}
    exact = "\n".join(map(str, (_stable(program.terms), _stable(program.stages), program.extents)))
    return {
        "static": dict(variant.static),
        "suffix": variant.suffix,
        "kinds": kinds,
        "terms": len(terms),
        "item_axes": [index.axis.name for index in terms[0].items] if len(terms) == 1 else [],
        "term_items": [[index.axis.name for index in term.items] for term in terms],
        "mean_divisor": "weight" if any(term.mean_weighted for term in terms) else "count",
        "prepass": prepass,
        "params": [p.name for p in loss.parameters if is_param(p) and p.name in names],
        "wrt_all": [t.name for t in program.differentiable],
        "no_hessian": reason,
        "passes": {
            k.kind: _passes(loss, variant, k.function)
            for k in kernels.kernels
            if k.kind in ("value", "gradient")
        },
        "coefficients": [float(term.coefficient) for term in terms],
        "formula": _formula(variant),
        "gradient_latex": _gradients(kernels),
        "fingerprint": "sha256:" + hashlib.sha256(f"{exact}\n{text}".encode()).hexdigest(),
    }


def _passes(loss: Loss, variant: Variant, function: Any) -> int:
    """Passes over memory: a small sample stays in cache, however often its kernel goes over it."""
    if loss.structure in ("elementwise", "row"):
        return 1
    return max(passes_over(function, tensor.name) for tensor in variant.program.predictions)


def _stable(parts: Any) -> str:
    """Return a text of expressions in which running numbers of indices are replaced by their order."""
    text, seen = str(parts), dict[str, str]()
    out = []
    for word in _words(text):
        out.append(seen.setdefault(word, f"{word.partition('#')[0]}#{len(seen)}") if "#" in word else word)
    return "".join(out)


def _words(text: str) -> list[str]:
    words, current = [""], ""
    for letter in text:
        if letter.isalnum() or letter in "_#":
            current += letter
        else:
            words += [current, letter]
            current = ""
    return [*words, current]


def _formula(variant: Variant) -> str:
    program = variant.program
    notation = Notation(program.inputs)
    values = []
    for term in program.terms:
        value = notation.latex(term.value)
        values.append(
            value
            if term.coefficient == 1
            else rf"{notation.latex(term.coefficient)} \cdot \left({value}\right)"
        )
    parts = [" + ".join(values)]
    for stage in program.stages:
        if isinstance(stage, Sweep):
            for assign in stage.body:
                pair = notation.latex(assign.target), notation.latex(assign.expr)
                parts.append(rf"{pair[0]} = {pair[1]}")
    return r",\quad ".join(parts)


def _gradients(kernels: VariantKernels) -> dict[str, str]:
    """Gradients by the predictions where they have a closed form, scale and weight left out."""
    gradient = next((k.routine for k in kernels.kernels if k.kind == "gradient"), None)
    if gradient is None or any(not isinstance(s, Sweep) for s in gradient.steps):
        return {}
    outputs = {output.name: output for output in gradient.outputs}
    if any(a.target.tensor.name not in outputs or a.add for s in gradient.steps for a in s.body):
        return {}
    notation = Notation(gradient.inputs)
    ones = {
        e: sp.S.One
        for s in gradient.steps
        for a in s.body
        for e in a.expr.atoms(type(a.target))
        if e.tensor.role in ("scale", "weight")
    }
    return {
        a.target.tensor.name.removeprefix("grad_"): notation.latex(a.expr.xreplace(ones))
        for s in gradient.steps
        for a in s.body
    }
