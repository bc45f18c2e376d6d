"""Forms of a routine that algebra alone makes: as derived, cleaned, factored, over one denominator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import sympy as sp

from lossgen.derive.model import Routine
from lossgen.spec.program import Sweep
from lossgen.stabilize.clean import clean
from lossgen.stabilize.regimes.branches import with_regimes

__all__ = ["FIRST", "forms"]

# What a kernel is before anything is compared.
FIRST = "lifted and cleaned"
# Rewriting larger expressions as a whole takes SymPy seconds.
_LARGEST = 120
_WHOLE: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "factored": sp.factor_terms,
    "expanded": sp.expand,
    "over one denominator": sp.together,
}


def forms(lifted: Routine, plain: Routine | None) -> Iterator[tuple[str, Routine]]:
    """Yield other forms of a kernel, each with its name.

    Parameters
    ----------
    lifted : Routine
        Derived from the lifted formula.
    plain : Routine, optional
        Derived from the formula as it is declared.
    """
    cleaned = clean(lifted)
    yield "lifted", lifted
    for name, change in _WHOLE.items():
        yield f"{FIRST}, {name}", _over(cleaned, change)
    if plain is not None:
        yield "cleaned", with_regimes(clean(plain))
        yield "naive", plain


def _over(routine: Routine, change: Callable[[sp.Expr], sp.Expr]) -> Routine:
    def changed(expr: sp.Expr) -> sp.Expr:
        return change(expr) if expr.count_ops() <= _LARGEST else expr

    steps = tuple(
        replace(step, body=tuple(replace(one, expr=changed(one.expr)) for one in step.body))
        if isinstance(step, Sweep)
        else step
        for step in routine.steps
    )
    return replace(routine, steps=steps, results=tuple(map(changed, routine.results)))
