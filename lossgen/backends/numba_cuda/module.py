"""One variant of a loss as the variables of its template: ready strings only."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from lossgen.backends.base import Kernel, Unit
from lossgen.backends.numba_cpu.module import REMARKS, RETURNED, SAMPLE_REMARK, formula_lines
from lossgen.backends.numba_cpu.sample import SampleText, print_sample
from lossgen.backends.numba_cuda.drivers import print_kernel
from lossgen.backends.numba_cuda.lanes import FINISH, LANES
from lossgen.backends.numba_cuda.prepass import print_prepass
from lossgen.backends.numba_cuda.spelling import DEVICE, HELPERS, NEEDS
from lossgen.backends.numba_cuda.statements import DeviceStatements


def context(unit: Unit) -> dict[str, Any]:
    """Return the variables of the module template."""
    variant = unit.variant
    helpers: set[str] = {"two_sum", "total", "merge_sums", "join_lanes"}
    functions: list[str] = []

    for kernel in variant.kernels:
        sample = _sample(kernel)
        helpers |= sample.helpers
        functions += [sample.text, print_kernel(kernel, sample, REMARKS[kernel.kind])]
    if variant.prepass is not None:
        sample = _sample(variant.prepass)
        helpers |= sample.helpers
        functions += [sample.text, print_prepass(variant.prepass, sample, variant.mean_scale)]
    return {
        "name": unit.loss.name,
        "summary": unit.loss.summary.replace("\\", "\\\\").replace('"""', "'''"),
        "origin": unit.origin,
        "title": variant.title,
        "formula": formula_lines(variant),
        "lanes": LANES,
        "helpers": [HELPERS[name] for name in _with_needed(helpers)],
        "functions": [*functions, FINISH],
    }


def needed_helpers(kernel: Kernel) -> list[str]:
    """Return the names of the helpers that the function of one sample calls, and of those they call."""
    return _with_needed(_sample(kernel).helpers)


def _sample(kernel: Kernel) -> SampleText:
    remark = SAMPLE_REMARK.format(RETURNED[kernel.kind])
    return print_sample(kernel, f"_{kernel.kind}", remark, DeviceStatements, DEVICE)


def _with_needed(helpers: Set[str]) -> list[str]:
    """Return helpers and what they call, called ones first."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        for needed in NEEDS.get(name, ()):
            add(needed)
        found.setdefault(name)

    for name in HELPERS:
        if name in helpers:
            add(name)
    return list(found)
