"""One variant of a loss as the variables of its template: ready strings only."""

from __future__ import annotations

from typing import Any

from lossgen.backends.base import Kernel, Unit
from lossgen.backends.numba_cpu.module import REMARKS, heading, sample_remark
from lossgen.backends.numba_cpu.sample import SampleText, print_sample
from lossgen.backends.numba_cpu.spelling import with_needed
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
        sample = device_sample(kernel)
        helpers |= sample.helpers
        functions += [sample.text, print_kernel(kernel, sample, REMARKS[kernel.kind])]
    if variant.prepass is not None:
        sample = device_sample(variant.prepass)
        helpers |= sample.helpers
        functions += [sample.text, print_prepass(variant.prepass, sample, variant.mean_scale)]
    return heading(unit) | {
        "lanes": LANES,
        "helpers": [HELPERS[name] for name in with_needed(helpers, HELPERS, NEEDS)],
        "functions": [*functions, FINISH],
    }


def device_sample(kernel: Kernel) -> SampleText:
    """Return the function of one sample, as a device function."""
    return print_sample(kernel, f"_{kernel.kind}", sample_remark(kernel.kind), DeviceStatements, DEVICE)
