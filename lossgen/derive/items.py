"""Items that take no part: of a sample with several items, some may be left out."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from lossgen.algebra.nodes import Where
from lossgen.spec.model import Program, Term


def settle_items(program: Program) -> Program:
    """Return the program with conditions on items moved into values and divisors; those on whole samples
    stay conditions.
    """
    return replace(program, terms=tuple(map(_settled, program.terms)))


def _settled(term: Term) -> Term:
    if not term.keep.free_symbols & set(term.items):
        return term
    value, mean_by = (Where(term.keep, expr, 0) for expr in (term.value, term.mean_by))
    return replace(term, value=value, mean_by=mean_by, keep=sp.true)
