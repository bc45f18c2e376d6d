"""One variant of a loss as the variables of its template: ready strings only."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from typing import Any

from lossgen.backends.base import Kernel, Unit, VariantKernels
from lossgen.backends.numba_cpu.drivers import has_loops, print_block, print_kernels, print_within
from lossgen.backends.numba_cpu.lanes import print_lanes
from lossgen.backends.numba_cpu.pieces import print_pieces
from lossgen.backends.numba_cpu.prepass import print_prepass
from lossgen.backends.numba_cpu.sample import print_sample
from lossgen.backends.numba_cpu.spelling import with_needed
from lossgen.backends.numba_cpu.vector import HELPERS, INLINED
from lossgen.lower.check import check
from lossgen.lower.idle import skip_idle
from lossgen.lower.pieces import has_blocks
from lossgen.lower.recall import recall

_WIDTH = 100
REMARKS = {
    "values": "Weighted loss of every item.",
    "value": "Sums of weighted losses, one row of `partials` for each block.",
    "gradient": "Sums of weighted losses, and their scaled gradient by the predictions.",
    "gradient_all": "Sums of weighted losses, and their scaled gradient by everything differentiable.",
    "hessian": "Weighted gradient and diagonal of the Hessian, by the predictions.",
    "hvp": "Product of the scaled Hessian with a direction.",
    "bound": "Weighted gradient and upper bound of the curvature, by the predictions.",
    "irls": "Weighted gradient and weight of reweighted least squares, by the predictions.",
    "prepass": "Whether an index is out of range, share of the divisor, factor in the mean.",
}
_RETURNED = {
    "values": "its weighted loss",
    "value": "its weighted loss",
    "gradient": "its weighted loss, and the gradient",
    "gradient_all": "its weighted loss, and all gradients",
    "hessian": "gradient and diagonal of the Hessian",
    "hvp": "product of the Hessian with the tangent",
    "bound": "gradient and upper bound of the curvature",
    "irls": "gradient and weight of reweighted least squares",
    "prepass": "is an index out of range, share of the divisor, factor in the mean",
}
_BESIDE = "As `{}`, for a sample in each lane."


def context(unit: Unit) -> dict[str, Any]:
    """Return the variables of the module template."""
    variant = unit.variant
    looped = any(has_loops(kernel.function) for kernel in variant.kernels)
    helpers: set[str] = {"two_sum", "total"} if looped else set()
    functions: list[str] = []
    for kernel in variant.kernels:
        functions += _kernel(kernel, variant, helpers)
    if variant.prepass is not None:
        functions += _prepass(variant.prepass, variant, helpers)
    return heading(unit) | {
        "helpers": [HELPERS[name] for name in with_needed(helpers)],
        "functions": functions,
    }


def heading(unit: Unit) -> dict[str, Any]:
    """Return the variables of a module's docstring."""
    return {
        "summary": unit.loss.summary.replace("\\", "\\\\").replace('"""', "'''"),
        "origin": unit.origin,
        "title": unit.variant.title,
        "formula": _formula_lines(unit.variant),
    }


def sample_remark(kind: str) -> str:
    """Return what the function of one sample says of itself."""
    return f"One sample: {_RETURNED[kind]}."


def _kernel(kernel: Kernel, variant: VariantKernels, helpers: set[str]) -> list[str]:
    """Return the functions of one kernel: of a sample, of a block of samples, and over all of them."""
    kind, terms = kernel.kind, variant.terms
    kernel = replace(kernel, function=check(recall(check(skip_idle(kernel.function, _shares(kernel))))))

    def private(role: str) -> str:
        return f"_{public(role)}"

    def public(role: str) -> str:
        return f"{kind}_{role}" if role else kind

    def in_lanes(role: str) -> str:
        return public(f"lanes_{role}" if role else "lanes")

    remark = sample_remark(kind)
    if has_blocks(kernel.function):
        printed = print_pieces(kernel, private, remark)
        sample, functions = printed.serial, [*printed.pieces, printed.serial.text]
    else:
        # Pasted into the loop over samples, which then runs in vector registers.
        decorator = "@njit" if has_loops(kernel.function) else INLINED
        sample = print_sample(kernel, private(""), remark, decorator=decorator)
        printed, functions = None, [sample.text]
    helpers |= sample.helpers
    functions.append(print_block(kernel, sample, private("block"), terms))
    functions.append(print_kernels(kernel, public, private("block"), terms, REMARKS[kind]))
    if (beside := print_lanes(kernel, private, _BESIDE.format(private("")))) is not None:
        texts, needed = beside
        helpers |= needed
        functions += [*texts, print_kernels(kernel, in_lanes, private("block_lanes"), terms, REMARKS[kind])]
    if printed is not None:
        functions.append(printed.threads.text)
        functions.append(print_block(kernel, printed.threads, private("block_within"), terms))
        functions.append(print_within(kernel, public, private("block_within"), terms))
    return functions


def _shares(kernel: Kernel) -> tuple[str, ...]:
    """Return the parameters that say how much of something there is, often nothing of it."""
    return tuple(
        t.name for t in kernel.routine.inputs if t.role == "param" and t.domain == "unit" and not t.axes
    )


def _prepass(kernel: Kernel, variant: VariantKernels, helpers: set[str]) -> list[str]:
    sample = print_sample(kernel, "_prepass", sample_remark("prepass"))
    helpers |= sample.helpers
    return [sample.text, print_prepass(kernel, sample, variant.mean_scale)]


def _formula_lines(variant: VariantKernels) -> list[str]:
    lines: list[str] = []
    for formula in variant.formula:
        wrapped = textwrap.wrap(formula, _WIDTH, break_long_words=False, subsequent_indent="        ")
        lines += [f"    {line}".replace("\\", "\\\\") for line in wrapped]
    return lines
