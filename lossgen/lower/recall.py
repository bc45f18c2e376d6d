"""Functions that cost much are computed once for each entry of a row, not again in each loop over it.

The first loop writes them into workspace, where later loops find them: a load from cache costs a tenth of an
exponential.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lossgen.lower import ir
from lossgen.lower.effects import effects, taken
from lossgen.lower.names import Names
from lossgen.lower.pieces import has_blocks
from lossgen.lower.rewrite import rewrite, rewrite_expr
from lossgen.spec.roles import TENSOR_ROLES

# Functions that take longer than a load from cache.
_COSTLY = frozenset({"exp", "expm1", "log", "log1p", "tanh", "pow"})


def recall(function: ir.Function) -> ir.Function:
    """Return the function with costly terms kept from loop to loop.

    Loops in blocks have no workspace in common: such a function stays as it is.
    """
    if has_blocks(function):
        return function
    for _ in range(len(function.body)):
        changed = next(_kept(function), None)
        if changed is None:
            break
        function = changed
    return function


def _kept(function: ir.Function) -> Iterator[ir.Function]:
    """Yield the function with one more term kept, for each such term."""
    for k, first in enumerate(function.body):
        if not isinstance(first, ir.Loop) or (extent := _size(function, first.extent)) is None:
            continue
        for term in dict.fromkeys(_terms(first)):
            rest = [
                j
                for j in range(k + 1, len(function.body))
                if (later := function.body[j])
                and isinstance(later, ir.Loop)
                and later.extent == first.extent
                and _at(term, first.index, later.index) in set(_terms(later))
            ]
            if rest and not _overwritten(term, function.body[k : rest[-1] + 1]):
                yield _keep(function, k, rest, term, extent)


def _keep(function: ir.Function, first: int, rest: list[int], term: ir.Op, extent: ir.Expr) -> ir.Function:
    """Return the function with one term in workspace, from the first loop that computes it to the others."""
    arrays = dict.fromkeys(e.array for e in ir.subexpressions(term) if isinstance(e, ir.Load))
    name = Names(taken(function)).fresh("_".join((term.name, *arrays)))
    body = list(function.body)
    leader = body[first]
    assert isinstance(leader, ir.Loop)
    for k in (first, *rest):
        loop = body[k]
        assert isinstance(loop, ir.Loop)
        place = (ir.Var(loop.index, "int"),)
        known = {_at(term, leader.index, loop.index): ir.Load(name, place, "float")}
        inside = [rewrite(s, known.get) for s in loop.body]
        if k == first:
            at = next(i for i, (old, new) in enumerate(zip(loop.body, inside, strict=True)) if old != new)
            inside.insert(at, ir.Store(name, place, term))
        body[k] = replace(loop, body=tuple(inside))
    room = ir.Array(name, "float", (extent,))
    return replace(function, body=tuple(body), workspace=(*function.workspace, room))


def _terms(loop: ir.Loop) -> Iterator[ir.Op]:
    """Yield the costly terms of entries at a loop's own position: those exist in every step."""
    own = ir.Var(loop.index, "int")
    for statement in loop.body:
        if not isinstance(statement, ir.Let | ir.Update | ir.Store):
            continue
        for expr in ir.own_expressions(statement):
            for part in ir.subexpressions(expr):
                places = {e.positions for e in ir.subexpressions(part) if isinstance(e, ir.Load)}
                if isinstance(part, ir.Op) and part.name in _COSTLY and places == {(own,)}:
                    yield part


def _at(term: ir.Op, old: str, new: str) -> ir.Expr:
    """Return a term of one loop as another one has it."""
    known: dict[ir.Expr, ir.Expr] = {ir.Var(old, "int"): ir.Var(new, "int")}
    return rewrite_expr(term, known.get)


def _overwritten(term: ir.Op, body: tuple[ir.Stmt, ...]) -> bool:
    """Tell whether what a term is made of is stored to in these statements."""
    loads = {e.array for e in ir.subexpressions(term) if isinstance(e, ir.Load)}
    return any(loads & effects(statement).stores for statement in body)


def _size(function: ir.Function, extent: ir.Expr) -> ir.Expr | None:
    """Return an extent in terms of the shape of an argument that has a row for each sample."""
    known = {s.name: s.expr for s in function.body if isinstance(s, ir.Let)}
    size = known.get(extent.name) if isinstance(extent, ir.Var) else extent
    roles = {argument.name: argument.role for argument in function.arguments}
    return size if isinstance(size, ir.Size) and roles[size.array] in TENSOR_ROLES else None
