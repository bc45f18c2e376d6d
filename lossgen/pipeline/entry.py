"""What the user side may ask of the build side."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import sympy as sp

from lossgen.emit.fingerprint import stable_text
from lossgen.emit.records import FOREIGN, Wanted, record_text
from lossgen.errors import LossError, LossTypeError
from lossgen.oracle.judge import JUDGE
from lossgen.oracle.machine import machine
from lossgen.oracle.rows import merged
from lossgen.oracle.samplers import SAMPLERS
from lossgen.oracle.verify import verify_variant
from lossgen.paths import specs_folder
from lossgen.pipeline.compile import TAKEN, compile_static
from lossgen.pipeline.measure import DTYPES
from lossgen.spec.compose import compose
from lossgen.spec.formula import formula
from lossgen.spec.model import Composition, Loss
from lossgen.spec.registry import load
from lossgen.spec.writing import assumed_domains, written

__all__ = [
    "compile_formula",
    "compile_loss",
    "compile_shipped",
    "declared",
    "formula_spec",
    "identity",
    "load_spec",
    "measure",
]


@cache
def _shipped() -> dict[str, Loss]:
    return {loss.name: loss for loss in load(specs_folder())}


def load_spec(package: str, name: str) -> Loss:
    """Return the declaration behind a loss of a generated package.

    Raises
    ------
    LossError
        If the package was built from specs that are not lossgen's own.
    """
    if package == "lossgen.losses" and name in _shipped():
        return _shipped()[name]
    raise LossError(
        f"the declaration of {package}.{name} is not shipped with it; "
        "load it with lossgen.spec.registry.load(path)"
    )


def formula_spec(text: str, domains: Mapping[str, str], defaults: Mapping[str, float]) -> Loss:
    """Return the declaration that a formula is."""
    return formula(text, domains, defaults, TAKEN)


def compile_formula(
    text: str, domains: Mapping[str, str], defaults: Mapping[str, float], began: float
) -> tuple[dict[str, Any], str]:
    """Compile a formula; see `lossgen.pipeline.compile.compile_static`."""
    return compile_static(formula_spec(text, domains, defaults), {}, began)


def compile_loss(loss: Loss, static: Mapping[str, Any], began: float) -> tuple[dict[str, Any], str]:
    """Compile one variant of a declaration."""
    return compile_static(loss, static, began)


def compile_shipped(
    package: str, name: str, static: Mapping[str, Any], began: float
) -> tuple[dict[str, Any], str]:
    """Compile a variant that a generated package does not ship."""
    return compile_static(load_spec(package, name), static, began)


def measure(loss: Any, points: int) -> str:
    """Measure a compiled loss by its declaration; return the text of the record."""
    declaration: Loss = loss.spec
    package = SimpleNamespace(all=lambda: {declaration.name: loss})
    plan = FOREIGN.with_points(points)
    rows = [
        row
        for seed in plan.seeds
        for row in verify_variant(declaration, declaration.variants[0], package, DTYPES, points, seed)
    ]
    variant = Wanted(loss.name, "", declaration.structure, loss.fingerprint)
    return record_text(variant, merged(rows), JUDGE, plan, SAMPLERS, machine())


def declared(given: Any) -> tuple[str, dict[str, str]] | Loss:
    """Return what was given to be compiled as the text of a formula and its domains, or as a declaration.

    Raises
    ------
    LossError
        If it is neither an expression nor a declared loss nor a sum of such.
    """
    if isinstance(given, Loss):
        return given
    if isinstance(given, Composition):
        names = " + ".join(f"{part.coefficient} {part.loss.name}" for part in given.parts)
        return compose("composition", given, family="composition", doc=names)
    if isinstance(given, sp.Expr):
        return written(given), assumed_domains(given)
    if callable(given):
        raise LossTypeError(
            f"{given!r} is no declaration: decorate it with @loss(family=...) of lossgen.spec"
        )
    raise LossTypeError(
        f"a {type(given).__name__} cannot be compiled: pass a formula as a string, a SymPy expression, a "
        "function decorated with @loss, or a sum of such losses"
    )


def identity(loss: Loss, static: Mapping[str, Any]) -> str:
    """Return a text that is equal for equal variants of equal declarations only."""
    variant = loss.variant(**static)
    tensors = [(t.name, t.axes, t.dtype, t.role, t.domain) for t in variant.program.inputs]
    axes = [(axis.name, axis.dims, axis.when, axis.extent) for axis in loss.axes]
    words = (loss.name, loss.family, loss.doc, loss.source, loss.structure, loss.curvature)
    return stable_text((words, loss.parameters, axes, tensors, variant))
