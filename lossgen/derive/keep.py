"""What takes no part: samples that are left out, and of a sample with several items some of the items.

One condition on whole samples, shared by all terms, stays a condition: a sample that is left out is not
looked at. All others become choices in values and divisors.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Where
from lossgen.algebra.tensors import Element, Tensor, elements
from lossgen.spec.program import Program, Term, retyped


def common_items(program: Program) -> tuple[Index, ...] | None:
    """Return the items that all terms have, None where they differ."""
    first = program.terms[0].items
    return first if all(term.items == first for term in program.terms) else None


def common_keep(program: Program) -> Boolean:
    """Return the condition on whole samples that all terms share; true where there is none."""
    first = program.terms[0].keep
    alike = all(term.keep == first for term in program.terms)
    return first if alike and not any(map(_of_items, program.terms)) else sp.true


def settled(program: Program) -> Program:
    """Return the program with one condition on whole samples for all terms; any other has become choices."""
    if all(term.keep == common_keep(program) for term in program.terms):
        return program
    # The class of what is left out may be none: nothing is read at it unasked.
    choices = replace(program, terms=tuple(map(_settled, program.terms)))
    return retyped(choices, _unchecked)


def indices_needed(program: Program) -> tuple[tuple[Element, Boolean], ...]:
    """Return for each class index an entry, at free indices, and where it must be valid: where some term that
    reads it is not left out.
    """
    if all(term.keep == common_keep(program) for term in program.terms):
        return ()  # samples that are left out are not looked at
    found = []
    for tensor in program.inputs:
        if tensor.role == "class":
            free = tuple(Index(f"{axis.name.lower()}#{k}", axis) for k, axis in enumerate(tensor.axes))
            reads = (_kept(term, one, free) for term in program.terms for one in _reads(term, tensor))
            found.append((Element(tensor, *free), sp.Or(*reads)))
    return tuple(found)


def _of_items(term: Term) -> bool:
    return bool(term.keep.free_symbols & set(term.items))


def _settled(term: Term) -> Term:
    value, mean_by = (Where(term.keep, expr, 0) for expr in (term.value, term.mean_by))
    return replace(term, value=value, mean_by=mean_by, keep=sp.true)


def _unchecked(tensor: Tensor) -> Tensor:
    if tensor.role != "class":
        return tensor
    return Tensor(tensor.name, tensor.axes, tensor.dtype, "target", tensor.domain)


def _reads(term: Term, tensor: Tensor) -> list[Element]:
    found = {one for expr in (term.value, term.mean_by) for one in elements(expr) if one.tensor == tensor}
    return sorted(found, key=str)


def _kept(term: Term, read: Element, free: tuple[Index, ...]) -> Boolean:
    """Return where a term that reads an index may do so, by the place of the entry alone."""
    if not term.keep.free_symbols & set(term.items) <= set(read.positions):
        return sp.true
    return term.keep.xreplace(dict(zip(read.positions, free, strict=True)))
