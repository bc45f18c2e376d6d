"""The prepass driver, as text: divisor of the mean, factor of each sample, and the first sample with an
index out of range.
"""

from __future__ import annotations

from lossgen.backends.base import Kernel
from lossgen.backends.numba_cpu.drivers import passed, roles, steps
from lossgen.backends.numba_cpu.sample import SampleText, signature


def print_prepass(kernel: Kernel, sample: SampleText, mean_scale: bool) -> str:
    """Return the text of the prepass over all samples; serial, for it reads small arrays only."""
    role = roles(kernel)
    terms = range(len(kernel.routine.results) - 2)

    def each(stem: str) -> list[str]:
        return [f"{stem}{t}" for t in terms] if len(terms) > 1 else [stem]

    totals, lost, divisors = each("total"), each("lost"), each("divisor")
    arguments = (*role.names, "mask", "mean_scale")
    first = role.sampled[0]
    lines = ["@njit", *signature("def prepass(", arguments, "):")]
    lines += [
        '    """Divisor of each mean, and the first sample with an index out of range (-1: none)."""',
        *(f"    {total}, {rest} = 0.0, 0.0" for total, rest in zip(totals, lost, strict=True)),
    ]
    spread = [n for n in role.spread if n in sample.arguments]
    lines += steps([*spread, "mask"])
    rows = {a.name for a in kernel.function.arguments if a.rank} & set(role.sampled)
    lines += [f"    {name} = vm.unowned({name})" for name in sample.arguments if name in rows]
    lines += [f"    for i in range({first}.shape[0]):", "        if mask[i * step_mask]:"]
    lines += signature(
        f"bad, {', '.join(divisors)}, factor = {sample.name}(",
        tuple(passed(name, role.sampled, spread) for name in sample.arguments),
        ")",
        " " * 12,
    )
    nothing = ", ".join("math.nan" for _ in terms)
    lines += ["            if bad != 0:", f"                return {nothing}, i"]
    for total, rest, divisor in zip(totals, lost, divisors, strict=True):
        lines.append(f"            {total}, {rest} = _two_sum({total}, {rest}, {divisor})")
    if mean_scale:
        lines += ["            mean_scale[i] = factor", "        else:", "            mean_scale[i] = 0"]
    returned = ", ".join(f"_total({total}, {rest})" for total, rest in zip(totals, lost, strict=True))
    lines += [f"    return {returned}, -1"]
    return "\n".join(lines) + "\n"
