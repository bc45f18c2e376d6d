"""The prepass kernel, as text: divisor of the mean, factor of each sample, and the first sample with an index
out of range.
"""

from __future__ import annotations

from lossgen.backends.base import Kernel
from lossgen.backends.numba_cpu.drivers import passed, roles, steps
from lossgen.backends.numba_cpu.sample import SampleText, signature
from lossgen.backends.numba_cuda.drivers import SHARED, blocks, head, join

_REMARK = "Share of the divisor of each block of samples, and its first sample with an index out of range."


def print_prepass(kernel: Kernel, sample: SampleText, mean_scale: bool) -> str:
    """Return the text of the prepass over all samples. Where all is in range, `bad` holds their number."""
    role = roles(kernel)
    first = role.sampled[0]
    lines = head("prepass", (*role.names, "mask", "mean_scale", "partials", "bad", "block"), _REMARK)
    spread = [n for n in role.spread if n in sample.arguments]
    lines += steps([*spread, "mask"])
    lines += [f"    totals = {SHARED}", f"    losts = {SHARED}"]
    lines += ["    firsts = cuda.shared.array(LANES, np.int64)", *blocks(first)]
    lines += [
        "            total, lost = np.float64(0), np.float64(0)",
        f"            found = {first}.shape[0]",
    ]
    lines += ["            for i in range(first + lane, last, LANES):"]
    lines += ["                if mask[i * step_mask]:"]
    given = tuple(passed(name, role.sampled, spread) for name in sample.arguments)
    lines += signature(f"outside, divisor, factor = {sample.name}(", given, ")", " " * 20)
    lines += ["                    if outside != 0 and i < found:", "                        found = i"]
    lines += ["                    total, lost = _two_sum(total, lost, divisor)"]
    if mean_scale:
        lines += ["                    mean_scale[i] = factor", "                else:"]
        lines += ["                    mean_scale[i] = 0"]
    lines += ["            firsts[lane] = found", *join()]
    lines += ["            found = firsts[0]", "            for lane in range(1, LANES):"]
    lines += ["                found = firsts[lane] if firsts[lane] < found else found"]
    lines += ["            bad[k] = found"]
    # No thread goes on to the next block before this one has read what all lanes have found.
    lines += ["        cuda.syncthreads()"]
    return "\n".join(lines) + "\n"
