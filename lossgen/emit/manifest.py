"""The manifest: everything the user side must know about each loss, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lossgen.algebra.tensors import Tensor
from lossgen.backends.latex.printer import curvature_formulas, formula, gradient_formulas
from lossgen.derive.keep import common_items
from lossgen.derive.model import KINDS, Prepass, Routine
from lossgen.emit.fingerprint import fingerprint
from lossgen.emit.plain import curvature_texts, formula_text, gradient_texts
from lossgen.runtime.abi import RUNTIME_ABI
from lossgen.spec.model import ANY, Loss, Parameter, Variant
from lossgen.spec.nonempty import nonempty_axes
from lossgen.spec.positions import least_extents
from lossgen.spec.program import Program
from lossgen.spec.roles import TENSOR_ROLES
from lossgen.spec.schedule import Helper
from lossgen.spec.structure import SMALL, classify
from lossgen.stabilize.curvature.rules import Rule


@dataclass(frozen=True)
class Built:
    """What the stages made of one variant.

    Attributes
    ----------
    variant : Variant
        Its declaration.
    routines : mapping
        Routine of each kind.
    prepass : Prepass or None
        What depends on targets and parameters alone.
    prepass_inputs : tuple of Tensor or None
        What the prepass kernel takes, its weight included.
    no_hessian : str or None
        Why it has no Hessian diagonal, if it has none.
    passes : mapping
        Passes over the predictions of each kind's kernel.
    accumulates : tuple of str
        Kinds whose kernels read or add to what they have written.
    within : tuple of str
        Kinds whose kernels can cut a sample into blocks.
    whole : str or None
        Why a sample cannot be cut, if it cannot.
    work : tuple of str
        Axes of the deepest nest of loops in the value of one sample.
    rules : mapping
        Curvature rules beside the exact one.
    """

    variant: Variant
    routines: Mapping[str, Routine]
    prepass: Prepass | None
    prepass_inputs: tuple[Tensor, ...] | None
    no_hessian: str | None
    passes: Mapping[str, int]
    accumulates: tuple[str, ...]
    within: tuple[str, ...] = ()
    whole: str | None = None
    work: tuple[str, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)


def manifest(entries: Mapping[str, dict[str, Any]], helpers: tuple[Helper, ...]) -> str:
    """Return the text of ``manifest.json``."""
    content = {
        "abi": RUNTIME_ABI,
        "generator": "lossgen build",
        "helpers": {h.name: {"module": "helpers", "doc": h.doc} for h in helpers},
        "losses": dict(entries),
    }
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def entry(loss: Loss, variants: Sequence[Built], module: str, texts: Sequence[str]) -> dict[str, Any]:
    """Return what the manifest says about one loss.

    Parameters
    ----------
    loss : Loss
        Its declaration.
    variants : sequence of Built
        What was made of its variants.
    module : str
        Where the kernels of the first variant are, relative to the package.
    texts : sequence of str
        Text of each variant's module, for the fingerprints.
    """
    return {
        "family": loss.family,
        "summary": loss.summary,
        "doc": loss.doc,
        "source": loss.source,
        "peers": dict(sorted(loss.peers)),
        "structure": loss.structure,
        "curvature": loss.curvature,
        "module": module,
        "axes": {
            axis.name: {
                "dims": axis.dims,
                "when": dict(axis.when),
                "equals": None if axis.extent is None else str(axis.extent),
            }
            for axis in loss.axes
        },
        "tensors": [_tensor(p) for p in loss.parameters if p.kind in TENSOR_ROLES],
        "params": [_param(p.other or p) for p in loss.parameters if is_param(p)],
        "static": [
            {
                "name": p.name,
                "choices": list(p.choices),
                "default": p.default_choice,
                "other": None if p.other is None else ANY,
                "doc": p.doc,
            }
            for p in loss.parameters
            if p.static
        ],
        "variants": [_variant(loss, *one) for one in zip(variants, texts, strict=True)],
    }


def is_param(parameter: Parameter) -> bool:
    """Tell whether an argument is a number or array given at run time."""
    static = parameter.static and not parameter.optional and parameter.other is None
    return parameter.kind not in TENSOR_ROLES and not static


def _tensor(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "role": parameter.kind,
        "axes": [axis.name for axis in parameter.axes],
        "dtype": parameter.dtype,
        "domain": parameter.domain,
        "relaxed_by": parameter.relaxed_by,
        "over": parameter.over.name if parameter.over else None,
        "spells": parameter.spells.name if parameter.spells else None,
        "marked_by": parameter.marked_by,
        "optional": parameter.optional or parameter.kind == "length",
        "doc": parameter.doc,
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
        "limit": None if parameter.limit is None else [parameter.limit.number, parameter.limit.included],
        "optional": parameter.optional,
        "doc": parameter.doc,
    }


def _variant(loss: Loss, built: Built, text: str) -> dict[str, Any]:
    variant = built.variant
    program = variant.program
    terms = program.terms
    names = {t.name for t in program.inputs}
    kinds = [kind for kind in KINDS if kind in built.routines]
    prepass = None
    if built.prepass is not None and built.prepass_inputs is not None:
        given = [t.name for t in built.prepass_inputs if t.role != "weight"]
        prepass = {"args": given, "mean_scale": built.prepass.mean_scale != 1}
        kinds.append("prepass")
    return {
        "static": dict(variant.static),
        "suffix": variant.suffix,
        "kinds": kinds,
        "accumulates": list(built.accumulates),
        "terms": len(terms),
        "item_axes": [index.axis.name for index in common_items(program) or ()],
        "term_items": [[index.axis.name for index in term.items] for term in terms],
        "mean_divisors": ["weight" if term.mean_weighted else "count" for term in terms],
        "nonempty": list(nonempty_axes(program)),
        **({"least": least} if (least := least_extents(program)) else {}),
        "prepass": prepass,
        "params": [p.name for p in loss.parameters if is_param(p) and p.name in names],
        "wrt_all": [t.name for t in program.differentiable],
        "no_hessian": built.no_hessian,
        "curvature": {name: _rule(rule) for name, rule in built.rules.items()},
        "passes": {kind: _passes(program, built.passes[kind]) for kind in ("value", "gradient")},
        "within": list(built.within),
        "whole": built.whole,
        "work": list(built.work),
        "coefficients": [float(term.coefficient) for term in terms],
        "formula": formula(program),
        "formula_text": formula_text(program),
        "gradient_latex": gradient_formulas(program, built.routines["gradient"].steps),
        "gradient_text": gradient_texts(built.routines["gradient"].steps),
        "fingerprint": fingerprint(loss, variant, text),
    }


def _rule(rule: Rule) -> dict[str, Any]:
    if not rule.kind:
        return {"kind": None, "reason": rule.reason}
    return {
        "kind": rule.kind,
        "above": rule.above,
        "text": curvature_texts(rule.curvatures),
        "latex": curvature_formulas(rule.curvatures),
    }


def _passes(program: Program, loops: int) -> int:
    """Passes over memory: a small sample stays in cache, however often its kernel goes over it."""
    alone = {classify(replace(program, terms=(term,))) for term in program.terms}
    return 1 if alone <= set(SMALL) else loops
