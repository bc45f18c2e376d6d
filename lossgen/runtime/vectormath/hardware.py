"""Whether the processor that kernels are compiled for multiplies and adds in one instruction."""

from __future__ import annotations

import llvmlite.binding as llvm
from numba.core.registry import cpu_target

__all__ = ["HAS_FMA"]

_PROBE = """
target triple = "{triple}"
declare double @llvm.fma.f64(double, double, double)
define double @probe(double %a, double %b, double %c) {{
  %r = call double @llvm.fma.f64(double %a, double %b, double %c)
  ret double %r
}}
"""


def _has_fma() -> bool:
    # Asked of the compiler itself: NUMBA_CPU_NAME may name a processor without saying what it can do.
    triple, name, features = cpu_target.target_context.codegen().magic_tuple()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=name, features=features)
    text = machine.emit_assembly(llvm.parse_assembly(_PROBE.format(triple=triple)))
    # Without the instruction it becomes a call of the C library, some thirty times as slow.
    return any(line.split()[0].startswith(("vfmadd", "fmadd")) for line in text.splitlines() if line.strip())


HAS_FMA = _has_fma()
