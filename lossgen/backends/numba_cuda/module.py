"""One variant of a loss as the variables of its template: ready strings only."""

from __future__ import annotations

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

    def printed(kernel: Kernel) -> SampleText:
        remark = SAMPLE_REMARK.format(RETURNED[kernel.kind])
        sample = print_sample(kernel, f"_{kernel.kind}", remark, DeviceStatements, DEVICE)
        helpers.update(sample.helpers)
        return sample

    for kernel in variant.kernels:
        sample = printed(kernel)
        functions += [sample.text, print_kernel(kernel, sample, REMARKS[kernel.kind])]
    if variant.prepass is not None:
        sample = printed(variant.prepass)
        functions += [sample.text, print_prepass(variant.prepass, sample, variant.mean_scale)]
    return {
        "name": unit.loss.name,
        "summary": unit.loss.summary.replace("\\", "\\\\").replace('"""', "'''"),
        "origin": unit.origin,
        "title": variant.title,
        "formula": formula_lines(variant),
        "lanes": LANES,
        "helpers": [HELPERS[name] for name in _ordered(helpers)],
        "functions": [*functions, FINISH],
    }


def _ordered(helpers: set[str]) -> list[str]:
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
