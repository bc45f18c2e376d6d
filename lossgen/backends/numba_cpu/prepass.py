"""The prepass driver, as text: divisor of the mean, factor of each sample, and the first sample with an
index out of range.
"""

from __future__ import annotations

from lossgen.backends.base import Kernel
from lossgen.backends.numba_cpu.drivers import roles
from lossgen.backends.numba_cpu.sample import SampleText, signature


def print_prepass(kernel: Kernel, sample: SampleText, mean_scale: bool) -> str:
    """Return the text of the prepass over all samples; serial, for it reads small arrays only."""
    role = roles(kernel, 1)
    arguments = (*role.names, "mask", "mean_scale")
    first = role.sampled[0]
    lines = ["@njit", *signature("def prepass(", arguments, "):")]
    lines += [
        '    """Divisor of the mean, and the first sample with an index out of range (-1: none)."""',
        "    total, lost = 0.0, 0.0",
    ]
    spread = [n for n in (*role.spread, "mask") if n in sample.arguments or n == "mask"]
    lines += ["    # One number for all samples, or one per sample."]
    lines += [f"    step_{n} = 0 if {n}.shape[0] == 1 else 1" for n in spread]

    def passed(argument: str) -> str:
        if argument in spread:
            return f"{argument}[i * step_{argument}]"
        return f"{argument}[i]" if argument in role.sampled else argument

    lines += [f"    for i in range({first}.shape[0]):", "        if mask[i * step_mask]:"]
    lines += signature(
        f"bad, divisor, factor = {sample.name}(", tuple(map(passed, sample.arguments)), ")", " " * 12
    )
    lines += ["            if bad != 0:", "                return math.nan, i"]
    lines += ["            total, lost = _two_sum(total, lost, divisor)"]
    if mean_scale:
        lines += ["            mean_scale[i] = factor", "        else:", "            mean_scale[i] = 0"]
    lines += ["    return _total(total, lost), -1"]
    return "\n".join(lines) + "\n"
