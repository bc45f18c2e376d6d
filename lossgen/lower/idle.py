"""Sums that only count times a parameter, such as a share of smoothing: where that is 0 their loops need not
run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from lossgen.lower import ir
from lossgen.lower.effects import effects
from lossgen.lower.pieces import has_blocks

_ZERO = ir.Const(Fraction(0), "float")
# Products: 0 where one factor is 0; of a quotient the first argument.
_PRODUCTS = {"mul": (0, 1), "gated": (0, 1), "div": (0,)}


def skip_idle(function: ir.Function, factors: Iterable[str]) -> ir.Function:
    """Return the function with sums under a condition: those that nothing but `factors`, scalars that may be
    0, are multiplied with.

    A sum that is left out is 0. In blocks loops stay as they are.
    """
    if has_blocks(function):
        return function
    for factor in factors:
        for name in [s.name for s in function.body if isinstance(s, ir.Accumulator) and s.op == "sum"]:
            function = _guarded(function, name, factor)
    return function


def _guarded(function: ir.Function, accumulator: str, factor: str) -> ir.Function:
    """Return the function with one accumulator under the condition, if all that is made of it vanishes."""
    results = [s for s in function.body if isinstance(s, ir.Let) and _finishes(s.expr, accumulator)]
    loops = [s for s in function.body if isinstance(s, ir.Loop) and _updates(s, accumulator)]
    read = [e for e in _every(function) if isinstance(e, ir.Finish) and e.accumulator == accumulator]
    if len(results) != 1 or len(loops) != 1 or len(read) != 1 or results[0].type != "float":
        return function
    (result,), (loop,) = results, loops
    zeros = _vanishing(function, factor)
    if not _vanishes(function, result.name, zeros) or (parts := _apart(loop, accumulator)) is None:
        return function
    own, rest = parts
    needed = ir.Op("ne", (ir.Var(factor, "float"), _ZERO), "bool")
    body: list[ir.Stmt] = []
    for statement in function.body:
        if statement is loop:
            body += [*([rest] if rest.body else []), ir.If(needed, (own,))]
        elif statement is result:
            body.append(replace(result, expr=ir.Op("select", (needed, result.expr, _ZERO), "float")))
        else:
            body.append(statement)
    return replace(function, body=tuple(body))


def _finishes(expr: ir.Expr, accumulator: str) -> bool:
    return isinstance(expr, ir.Finish) and expr.accumulator == accumulator


def _updates(loop: ir.Loop, accumulator: str) -> bool:
    return any(isinstance(s, ir.Update) and s.name == accumulator for s in ir.statements(loop.body))


def _every(function: ir.Function) -> Iterator[ir.Expr]:
    yield from ir.expressions(function.body)
    for value in function.returns:
        yield from ir.subexpressions(value)


def _vanishing(function: ir.Function, factor: str) -> frozenset[str]:
    """Return the names that are 0 where the factor is."""
    zeros = {factor}
    for statement in function.body:
        if isinstance(statement, ir.Let) and _is_zero(statement.expr, zeros):
            zeros.add(statement.name)
    return frozenset(zeros)


def _is_zero(expr: ir.Expr, zeros: Iterable[str]) -> bool:
    if isinstance(expr, ir.Op) and expr.name in (*_PRODUCTS, "neg"):
        return any(_is_zero(expr.args[k], zeros) for k in _PRODUCTS.get(expr.name, (0,)))
    return isinstance(expr, ir.Var) and expr.name in zeros


def _vanishes(function: ir.Function, name: str, zeros: frozenset[str]) -> bool:
    """Tell whether a name is used in products alone that are 0 where `zeros` are."""
    for statement in ir.statements(function.body):
        for expr in ir.own_expressions(statement):
            if _reaches(expr, name, zeros) and not (
                isinstance(statement, ir.Let) and _vanishes(function, statement.name, zeros)
            ):
                return False
    return not any(_reaches(value, name, zeros) for value in function.returns)


def _reaches(expr: ir.Expr, name: str, zeros: frozenset[str]) -> bool:
    """Tell whether an expression may depend on a name where `zeros` are 0."""
    if isinstance(expr, ir.Var):
        return expr.name == name
    if _is_zero(expr, zeros):
        return False
    return any(_reaches(child, name, zeros) for child in ir.children(expr))


def _apart(loop: ir.Loop, accumulator: str) -> tuple[ir.Loop, ir.Loop] | None:
    """Return the part of a loop that fills an accumulator, and the rest of it; None if they are no two."""
    if not all(isinstance(s, ir.Let | ir.Update | ir.Store) for s in loop.body):
        return None
    own = _needed(loop.body, [s for s in loop.body if isinstance(s, ir.Update) and s.name == accumulator])
    rest = _needed(
        loop.body,
        [s for s in loop.body if isinstance(s, ir.Store) or (isinstance(s, ir.Update) and s not in own)],
    )
    stored = {s.array for s in loop.body if isinstance(s, ir.Store)}
    if any(stored & effects(s).loads for s in own):
        return None
    return replace(loop, body=own), replace(loop, body=rest)


def _needed(body: tuple[ir.Stmt, ...], wanted: list[ir.Stmt]) -> tuple[ir.Stmt, ...]:
    """Return statements with the definitions that they are made of, in order."""
    kept: list[ir.Stmt] = []
    used: set[str] = set()
    for statement in reversed(body):
        if statement in wanted or (isinstance(statement, ir.Let) and statement.name in used):
            kept.append(statement)
            used |= effects(statement).uses
    return tuple(reversed(kept))
