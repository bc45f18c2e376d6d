"""Marks: numbers in a target that say that an entry takes no part."""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from lossgen.algebra.tensors import Element
from lossgen.spec.model import Program, Sweep


@lru_cache(maxsize=64)
def marks(program: Program) -> dict[str, str]:
    """Return the integer parameter with which entries of a target are compared, by name of the target."""
    exprs: list[sp.Basic] = [expr for term in program.terms for expr in (term.value, term.keep)]
    for stage in program.stages:
        if isinstance(stage, Sweep):
            exprs += [expr for assign in stage.body for expr in (assign.expr, assign.guard)]
        else:
            exprs.append(stage.key)
    found: dict[str, str] = {}
    for relation in set().union(*(expr.atoms(sp.Eq, sp.Ne) for expr in exprs)):
        sides = {one.tensor for one in relation.args if isinstance(one, Element)}
        mark = next((t for t in sides if t.role == "param" and t.dtype == "int"), None)
        found |= {t.name: mark.name for t in sides if mark is not None and t.role in ("target", "class")}
    return found
