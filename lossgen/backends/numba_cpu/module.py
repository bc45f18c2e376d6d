"""One loss as the variables of its template: ready strings only."""

from __future__ import annotations

import textwrap
from typing import Any

from lossgen.backends.base import Kernel, Unit, VariantKernels
from lossgen.backends.numba_cpu.drivers import print_block, print_kernels
from lossgen.backends.numba_cpu.helpers_sums import NEEDS
from lossgen.backends.numba_cpu.prepass import print_prepass
from lossgen.backends.numba_cpu.sample import print_sample
from lossgen.backends.numba_cpu.spelling import HELPERS

_WIDTH = 100
_REMARKS = {
    "values": "Weighted loss of every item.",
    "value": "Sums of weighted losses, one row of `partials` for each block.",
    "gradient": "Sums of weighted losses, and their scaled gradient by the predictions.",
    "gradient_all": "Sums of weighted losses, and their scaled gradient by everything differentiable.",
    "hessian": "Weighted gradient and diagonal of the Hessian, by the predictions.",
    "hvp": "Product of the scaled Hessian with a direction.",
    "prepass": "Whether an index is out of range, share of the divisor, factor in the mean.",
}
_SAMPLE_REMARK = "One sample: {}."
_RETURNED = {
    "values": "its weighted loss",
    "value": "its weighted loss",
    "gradient": "its weighted loss, and the gradient",
    "gradient_all": "its weighted loss, and all gradients",
    "hessian": "gradient and diagonal of the Hessian",
    "hvp": "product of the Hessian with the tangent",
    "prepass": "is an index out of range, share of the divisor, factor in the mean",
}


def context(unit: Unit) -> dict[str, Any]:
    """Return the variables of the module template."""
    helpers: set[str] = {"two_sum", "total"}
    variants = []
    for variant in unit.variants:
        functions: list[str] = []
        for kernel in variant.kernels:
            functions += _kernel(kernel, variant, helpers)
        if variant.prepass is not None:
            functions += _prepass(variant.prepass, variant, helpers)
        variants.append({"title": variant.title, "functions": functions})
    for name in sorted(helpers):
        helpers.update(NEEDS.get(name, ()))
    ordered = [name for name in HELPERS if name in helpers]
    # Those that others call come first.
    ordered.sort(key=lambda name: name in NEEDS)
    return {
        "name": unit.name,
        "summary": unit.summary.replace("\\", "\\\\").replace('"""', "'''"),
        "origin": unit.origin,
        "formulas": [_formula(variant) for variant in unit.variants],
        "helpers": [HELPERS[name] for name in ordered],
        "variants": variants,
    }


def _names(kind: str, suffix: str) -> tuple[str, str, str]:
    """Return the names of the sample function, the block function and the kernel."""
    tail = f"__{suffix}" if suffix else ""
    return f"_{kind}{tail}", f"_{kind}_block{tail}", f"{kind}{tail}"


def _kernel(kernel: Kernel, variant: VariantKernels, helpers: set[str]) -> list[str]:
    sample_name, block_name, name = _names(kernel.kind, variant.suffix)
    sample = print_sample(kernel, sample_name, _SAMPLE_REMARK.format(_RETURNED[kernel.kind]))
    helpers |= sample.helpers
    terms = variant.terms
    block = print_block(kernel, sample, block_name, terms)
    return [sample.text, block, _driver(kernel, name, block_name, variant.suffix, terms)]


def _driver(kernel: Kernel, name: str, block: str, suffix: str, terms: int) -> str:
    text = print_kernels(kernel, kernel.kind, block, terms, _REMARKS[kernel.kind])
    if not suffix:
        return text
    # Kernels of a variant are called KIND__suffix and KIND_parallel__suffix.
    text = text.replace(f"def {kernel.kind}_parallel(", f"def {kernel.kind}_parallel__{suffix}(")
    text = text.replace(f"def {kernel.kind}(", f"def {name}(")
    return text.replace(f"As `{kernel.kind}`", f"As `{name}`")


def _prepass(kernel: Kernel, variant: VariantKernels, helpers: set[str]) -> list[str]:
    sample_name, _, name = _names("prepass", variant.suffix)
    sample = print_sample(kernel, sample_name, _SAMPLE_REMARK.format(_RETURNED["prepass"]))
    helpers |= sample.helpers
    return [sample.text, print_prepass(kernel, sample, name, variant.mean_scale)]


def _formula(variant: VariantKernels) -> dict[str, Any]:
    lines: list[str] = []
    for formula in variant.formula:
        wrapped = textwrap.wrap(formula, _WIDTH, break_long_words=False, subsequent_indent="        ")
        lines += [f"    {line}".replace("\\", "\\\\") for line in wrapped]
    return {"title": variant.title, "lines": lines}
