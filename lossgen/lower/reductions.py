"""Reductions to loops: an accumulator, a loop that updates it, and the value it ends with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

import sympy as sp

from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Reduction, replace_index
from lossgen.lower import ir
from lossgen.lower.facts import depends_on_axis
from lossgen.lower.names import describe
from lossgen.lower.scopes import Scope
from lossgen.lower.types import counts, type_of

if TYPE_CHECKING:
    from lossgen.lower.values import Lowering


def is_pair(expr: sp.Basic) -> bool:
    """Tell whether `expr` is a log-sum-exp, which is kept as its largest term and the sum of the others."""
    return isinstance(expr, Reduction) and expr.op == "lse"


def reduce(low: Lowering, expr: Reduction) -> ir.Expr:
    """Return the value of a reduction, its loop placed in the outermost scope that allows it."""
    if is_pair(expr):
        return _lse(low, expr)
    with low.scopes.within(low.home(expr)):
        kind = type_of(expr)
        name = low.names.of(("accumulator", expr), f"{describe(expr)}_acc")
        index, body = _opened(low, expr)
        op = "count" if expr.op == "sum" and type_of(body) == "float" and counts(body) else expr.op
        low.scopes.top.add(ir.Accumulator(name, op, type_of(expr.body)))
        with _loop(low, index) as inner:
            term = low.value(body) if type_of(expr.body) == "int" else low.float(body)
            position = ir.Var(index.name, "int") if expr.op.startswith("arg") else None
            inner.add(ir.Update(name, op, term, position))
        part = "position" if expr.op.startswith("arg") else "value"
        return low.let(expr, ir.Finish(name, part, kind), describe(expr))


def peak(low: Lowering, expr: Reduction) -> ir.Expr:
    """Return the largest term of a log-sum-exp."""
    return _half(low, "peak", expr)


def rest(low: Lowering, expr: Reduction) -> ir.Expr:
    """Return the sum of exp(term - largest) over all terms but the largest."""
    return _half(low, "rest", expr)


def shift(low: Lowering, expr: Reduction) -> ir.Expr:
    """Return what is subtracted from the terms of a log-sum-exp: the largest one, but 0 for an infinity."""
    return _half(low, "shift", expr)


def _half(low: Lowering, half: str, expr: Reduction) -> ir.Expr:
    if low.scopes.find((half, expr)) is None:
        _pair(low, expr)
    found = low.scopes.find((half, expr))
    assert found is not None
    return found


def _lse(low: Lowering, expr: Reduction) -> ir.Expr:
    with low.scopes.within(low.home(expr)):
        largest = peak(low, expr)
        value = ir.Op("add", (largest, ir.Op("log1p", (rest(low, expr),), "float")), "float")
        return low.let(expr, value, describe(expr))


def _pair(low: Lowering, expr: Reduction) -> None:
    """Two loops: the first finds the largest term, the second sums the others relative to it."""
    with low.scopes.within(low.home(expr)):
        index, body = _opened(low, expr)
        about = describe(body)
        state = low.names.of(("largest", expr), f"largest_{about}")
        low.scopes.top.add(ir.Accumulator(state, "argmax", "float"))
        with _loop(low, index) as inner:
            inner.add(ir.Update(state, "argmax", low.float(body), ir.Var(index.name, "int")))
        largest = low.let(("peak", expr), ir.Finish(state, "value", "float"), f"max_{about}")
        where = low.let(("where", expr), ir.Finish(state, "position", "int"), f"argmax_{about}")
        # exp(-inf - -inf) would be NaN: with an infinite maximum the terms are taken as they are.
        shift = low.let(("shift", expr), ir.Op("finite_or_zero", (largest,), "float"), f"shift_{about}")
        others = low.names.of(("others", expr), f"others_{about}")
        low.scopes.top.add(ir.Accumulator(others, "sum", "float"))
        with _loop(low, index) as inner:
            term = ir.Op("exp", (ir.Op("sub", (low.float(body), shift), "float"),), "float")
            other = ir.Op("ne", (ir.Var(index.name, "int"), where), "bool")
            zero = ir.Const(Fraction(0), "float")
            inner.add(ir.Update(others, "sum", ir.Op("select", (other, term, zero), "float")))
        low.let(("rest", expr), ir.Finish(others, "value", "float"), f"rest_{about}")


def _opened(low: Lowering, expr: Reduction) -> tuple[Index, sp.Expr]:
    """Return loop variable and body; another variable where a loop around this place has the usual one
    already.
    """
    index, body = low.indices.open(expr)
    around = [scope.index for scope in low.scopes.stack if scope.index is not None]
    if index not in around:
        return index, body
    other = low.indices.choose(index.axis, [*around, *expr.free_symbols])
    return other, replace_index(body, index, other)


@contextmanager
def _loop(low: Lowering, index: Index) -> Iterator[Scope]:
    extent = low.extent(index.axis)
    with low.scopes.open(index, barrier=depends_on_axis(index.axis, low.facts.bounded)) as scope:
        yield scope
    low.scopes.top.add(ir.Loop(index.name, extent, tuple(scope.statements)))
