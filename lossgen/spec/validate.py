"""What every formula must satisfy before anything is derived from it."""

from __future__ import annotations

import sympy as sp

from lossgen.algebra.axes import COMPANION, Axis, Index
from lossgen.algebra.nodes import Reduction
from lossgen.algebra.operators import StableFunction
from lossgen.algebra.tensors import Tensor, elements
from lossgen.errors import SpecError
from lossgen.spec.functions import UNDERSTOOD
from lossgen.spec.positions import check_positions
from lossgen.spec.program import Assign, Place, Program, Sort


def validate(program: Program, context: Place) -> None:
    """Check a program as the author wrote it.

    Raises
    ------
    SpecError
        Where an index is free, an axis does not fit, a name is unknown, a recurrence reads ahead, or
        something that SymPy would get wrong is used.
    """
    known = set(program.inputs)
    for stage in program.stages:
        if isinstance(stage, Sort):
            _check(stage.key, {stage.index}, known, context)
            known |= set(stage.written)
            continue
        known |= set(stage.written)
        for assign in stage.body:
            _check(assign.expr, set(stage.indices), known, context)
            _check_order(assign, stage.indices, context)
    for term in program.terms:
        for expr in (term.value, term.keep, term.mean_by, term.mean_scale):
            _check(expr, set(term.items), known, context)
        for expr, name in ((term.keep, "keep"), (term.mean_by, "mean_by"), (term.mean_scale, "mean_scale")):
            reads = {
                element.tensor.name for element in elements(expr) if element.tensor.role in ("pred", "local")
            }
            if reads:
                raise SpecError(
                    f"`{name}` reads {sorted(reads)}",
                    argument=name,
                    fix="let it depend on targets and parameters only",
                    **context,
                )


def _understood(kind: type) -> bool:
    return kind in UNDERSTOOD or issubclass(kind, StableFunction)


def _check_order(assign: Assign, indices: tuple[Index, ...], context: Place) -> None:
    """A recurrence may read only what the loops over `indices` have written before."""
    for element in sorted(elements(assign.expr), key=str):
        if element.tensor != assign.target.tensor:
            continue
        shifts = [position - index for position, index in zip(element.positions, indices, strict=True)]
        first = next((shift for shift in shifts if shift != 0), sp.S.Zero)
        if not first.is_negative:
            raise SpecError(
                f"`{assign.target}` reads `{element}`, which is not written yet",
                argument=element.tensor.name,
                fix="read positions that come earlier in the order of the loops (first index outermost)",
                **context,
            )


def _check(expr: sp.Basic, bound: set[Index], known: set[Tensor], context: Place) -> None:
    foreign = expr.atoms(sp.Sum, sp.Product, sp.Integral, sp.Piecewise, sp.Indexed)
    if foreign:
        raise SpecError(
            f"the formula contains SymPy's {type(next(iter(foreign))).__name__}",
            fix="use Sum, Max and where of lossgen.spec with index(AXIS)",
            **context,
        )
    if unknown := {str(kind) for kind in map(type, expr.atoms(sp.Function)) if not _understood(kind)}:
        raise SpecError(
            f"the formula contains `{min(unknown)}`, a function that lossgen does not know",
            fix="write it with the functions of lossgen.spec: exp, log, Abs, tanh, erf, loggamma ...",
            **context,
        )
    if expr.has(sp.I, sp.nan, sp.zoo):
        raise SpecError(
            "the formula is no real number: it holds I, NaN or a division by 0",
            fix="correct the constants",
            **context,
        )
    for symbol in sorted(expr.free_symbols - {COMPANION}, key=str):
        if isinstance(symbol, Index) and symbol not in bound:
            raise SpecError(
                f"index over {symbol.axis.name} is free in the formula",
                fix="sum over it, or name it in sample(..., per=...)",
                **context,
            )
        if not isinstance(symbol, Index | Axis):
            raise SpecError(
                f"unknown symbol `{symbol}`",
                argument=str(symbol),
                fix="take it as an argument of the loss",
                **context,
            )
    for element in sorted(elements(expr), key=str):
        if element.tensor not in known:
            raise SpecError(
                f"`{element.tensor.name}` is read before it is defined", fix="define it earlier", **context
            )
        for position, one in zip(element.positions, element.tensor.axes, strict=True):
            if not position.is_integer:
                raise SpecError(
                    f"`{element}` has a position on {one.name} that is not an integer",
                    fix="index with index(AXIS) or a class",
                    **context,
                )
            if isinstance(position, Index) and position.axis not in (one, one.extent):
                raise SpecError(
                    f"`{element}` is indexed over {position.axis.name} where its axis is {one.name}",
                    argument=element.tensor.name,
                    fix=f"use index({one.name})",
                    **context,
                )
    check_positions(expr, context)
    for node in expr.atoms(Reduction):
        if not isinstance(node.index, Index):
            raise SpecError(f"`{node}` has no index", fix="reduce over index(AXIS)", **context)
