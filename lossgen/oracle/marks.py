"""Marks: numbers in a target that say that an entry takes no part."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import sympy as sp

from lossgen.algebra.tensors import Element, tensors
from lossgen.spec.model import Program, Sweep


@lru_cache(maxsize=64)
def marks(program: Program) -> dict[str, str]:
    """Return the integer parameter with which entries of a target are compared, by name of the target.

    A class that some term reads although it is marked must be a class.
    """
    exprs: list[sp.Basic] = [expr for term in program.terms for expr in (term.value, term.keep)]
    for stage in program.stages:
        if isinstance(stage, Sweep):
            exprs += [expr for assign in stage.body for expr in (assign.expr, assign.guard)]
        else:
            exprs.append(stage.key)
    found = _compared(exprs)
    for tensor in program.inputs:
        if tensor.role == "class" and tensor.name in found:
            readers = [t for t in program.terms if tensor in tensors(t.value) | tensors(t.mean_by)]
            if any(_compared([t.keep]).get(tensor.name) != found[tensor.name] for t in readers):
                del found[tensor.name]
    return found


def _compared(exprs: Iterable[sp.Basic]) -> dict[str, str]:
    found: dict[str, str] = {}
    for relation in set().union(*(expr.atoms(sp.Eq, sp.Ne) for expr in exprs)):
        sides = {one.tensor for one in relation.args if isinstance(one, Element)}
        mark = next((t for t in sides if t.role == "param" and t.dtype == "int"), None)
        found |= {t.name: mark.name for t in sides if mark is not None and t.role in ("target", "class")}
    return found
