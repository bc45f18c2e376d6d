"""One static variant through the stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lossgen.backends.base import Kernel, VariantKernels
from lossgen.derive.model import Routine
from lossgen.derive.routines import no_hessian, prepass, routines
from lossgen.emit.manifest import Built
from lossgen.lower import accumulates, lower, passes_over
from lossgen.lower.check import check
from lossgen.lower.pieces import has_blocks, in_blocks, whole
from lossgen.lower.prepass import prepass_routine
from lossgen.lower.work import work_axes
from lossgen.pipeline.staged import Staged, staged
from lossgen.search.choose import choose
from lossgen.spec.model import Loss, Variant
from lossgen.spec.structure import SMALL


@dataclass(frozen=True)
class Compiled:
    """A variant as the backends take it and as the manifest describes it, and what was compared for it."""

    kernels: VariantKernels
    described: Built
    choices: dict[str, Any]


def compile_variant(
    loss: Loss, variant: Variant, made: Staged | None = None, known: Mapping[str, Any] | None = None
) -> Compiled:
    """Run one variant through lifting, derivation, cleaning, lowering and the choice of forms.

    Parameters
    ----------
    loss, variant : Loss, Variant
        What is compiled.
    made : Staged, optional
        What the stages before lowering made of the variant, if it is known.
    known : mapping, optional
        What was compared before; where it speaks of these kernels nothing is measured.
    """
    made = made or staged(variant)
    lifted, cleaned = made.lifted, made.cleaned
    lowered = {kind: lower(routine) for kind, routine in made.branched.items()}  # loops over one sample
    plain = partial(routines, variant.program)
    lowered, choices = choose(loss, variant, lowered, made.derived, plain, known)  # by measured error
    reason: str | None = None
    if loss.structure not in SMALL:  # one sample may span the array: its loops in blocks, for any driver
        reason = next((why for function in lowered.values() if (why := whole(function))), None)
        lowered = {kind: check(in_blocks(function)) for kind, function in lowered.items()}
    kernels = tuple(Kernel(kind, cleaned[kind], function) for kind, function in lowered.items())

    before = prepass(lifted)
    checks: Routine | None = None
    if before is not None:
        over = {p.name: p.over for p in loss.parameters if p.over is not None}
        checks = prepass_routine(before, over, lifted.inputs)
    predictions = [tensor.name for tensor in lifted.predictions]
    passes = {
        kind: max(passes_over(function, name) for name in predictions) for kind, function in lowered.items()
    }
    return Compiled(
        VariantKernels(
            title=_title(variant),
            formula=_formula(variant, cleaned["gradient"]),
            kernels=kernels,
            terms=len(lifted.terms),
            prepass=None if checks is None else Kernel("prepass", checks, lower(checks)),
            mean_scale=before is not None and before.mean_scale != 1,
            static=variant.static,
            suffix=variant.suffix,
            program=variant.program,
            no_hessian=no_hessian(lifted),
        ),
        Built(
            variant,
            cleaned,
            before,
            None if checks is None else checks.inputs,
            no_hessian(lifted),
            passes,
            tuple(kind for kind, function in lowered.items() if accumulates(function)),
            tuple(kind for kind, function in lowered.items() if has_blocks(function)),
            reason,
            _work(next(kernel for kernel in kernels if kernel.kind == "value")),
            made.rules,
        ),
        choices,
    )


def _work(kernel: Kernel) -> tuple[str, ...]:
    """The axes that a kernel goes over for one sample."""
    return work_axes(kernel.function, {tensor.name: tensor.axes for tensor in kernel.routine.inputs})


def _title(variant: Variant) -> str:
    chosen = ", ".join(f"{name} = {value}" for name, value in variant.static)
    return f"Formula for {chosen}" if chosen else "Formula"


def _formula(variant: Variant, gradient: Routine) -> tuple[str, ...]:
    """The exact formula and the stable gradient, as plain text for the module's docstring."""
    lines = [
        f"{term.value}" if term.coefficient == 1 else f"{term.coefficient} * mean({term.value})"
        for term in variant.program.terms
    ]
    lines[0] = f"loss = {lines[0]}"
    lines += [
        f"{assign.target} {'+=' if assign.add else '='} {assign.expr}"
        for step in gradient.steps
        for assign in getattr(step, "body", ())
        if assign.target.tensor.role == "output"
    ]
    return tuple(lines)
