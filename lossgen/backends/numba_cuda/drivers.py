"""The kernels around a device function of one sample, as text.

Arguments are those of the CPU's kernels. Kernels without sums stride over samples; those with sums stride
over blocks of samples, whose partition depends on shapes alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from lossgen.backends.base import Kernel
from lossgen.backends.numba_cpu.drivers import (
    WITHOUT_SUMS,
    Roles,
    kernel_arguments,
    lead,
    passed,
    roles,
    steps,
)
from lossgen.backends.numba_cpu.sample import SampleText, signature

SHARED = "cuda.shared.array(LANES, np.float64)"


def print_kernel(kernel: Kernel, sample: SampleText, remark: str) -> str:
    """Return the text of the kernel over all samples."""
    role = roles(kernel)
    arguments = kernel_arguments(kernel, role)
    sums = kernel.kind not in WITHOUT_SUMS
    first = lead(kernel)
    lines = head(kernel.kind, arguments, remark)
    if role.outputs:
        lines.append(f"    real = {first}.dtype.type")
    lines += [f"    {n} = real(scales[{t}])" for t, n in enumerate(role.scales) if n in sample.arguments]
    spread = [n for n in role.spread if n in sample.arguments]
    lines += steps([*spread, *(["mask"] if role.masked else [])])
    if sums:
        lines += [f"    totals = {SHARED}", f"    losts = {SHARED}", *blocks(first)]
        lines += ["            total, lost = np.float64(0), np.float64(0)"]
        lines += ["            for i in range(first + lane, last, LANES):"]
        lines += _sample(kernel, sample, role, spread, " " * 16)
        lines += join()
    else:
        lines.append(f"    for i in range(cuda.grid(1), {first}.shape[0], cuda.gridsize(1)):")
        lines += _sample(kernel, sample, role, spread, " " * 8)
    return "\n".join(lines) + "\n"


def head(name: str, arguments: tuple[str, ...], remark: str) -> list[str]:
    """Return the first lines of a kernel."""
    return ["@cuda.jit", *signature(f"def {name}(", arguments, "):"), f'    """{remark}"""']


def blocks(first: str) -> list[str]:
    """Return the loops over blocks of samples and over the lanes of one."""
    return [
        "    for k in range(cuda.blockIdx.x, partials.shape[0], cuda.gridDim.x):",
        "        first = k * block",
        f"        last = first + block if first + block < {first}.shape[0] else {first}.shape[0]",
        "        for lane in range(cuda.threadIdx.x, LANES, cuda.blockDim.x):",
    ]


def join() -> list[str]:
    """Return the end of a block: lanes are joined, and one thread writes the sum."""
    return [
        "            totals[lane] = total",
        "            losts[lane] = lost",
        "        _join_lanes(totals, losts)",
        "        if cuda.threadIdx.x == 0:",
        "            partials[k, 0] = _total(totals[0], losts[0])",
    ]


def _sample(kernel: Kernel, sample: SampleText, role: Roles, spread: Sequence[str], indent: str) -> list[str]:
    """Return the lines of one sample."""
    function = kernel.function
    inner = f"{indent}    " if role.masked else indent
    results = ["numerator"] if function.numerators else []
    results += [f"{output}[i]" for output in function.scalar_outputs]
    target = f"{', '.join(results)} = " if results else ""
    each = (*role.sampled, *role.outputs)
    lines = [f"{indent}if mask[i * step_mask]:"] if role.masked else []
    given = tuple(passed(name, each, spread) for name in sample.arguments)
    lines += signature(f"{target}{sample.name}(", given, ")", inner)
    if kernel.kind not in WITHOUT_SUMS:
        lines.append(f"{inner}total, lost = _two_sum(total, lost, numerator)")
    if role.masked and role.outputs:
        lines.append(f"{indent}else:")
        for output in role.outputs:
            whole = "" if output in function.scalar_outputs else "[:]"
            lines.append(f"{inner}{output}[i]{whole} = real(0)")
    return lines
