"""Many samples beside each other, one in each lane: what belongs to a lane, and what all lanes share.

A row of few classes is shorter than vector registers are wide. Where the loops of a sample have the same
steps for all samples, each step runs for many samples instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from lossgen.lower import ir
from lossgen.lower.effects import effects
from lossgen.lower.rewrite import rewrite
from lossgen.spec.roles import TENSOR_ROLES

# What lanes leave behind.
RESULT = "numerator"
# Operations that do not compute all of their operands.
_LAZY = ("select", "and", "or")

# A part: a loop, loops that run if one lane needs them, or statements that are in none.
Part = ir.Loop | ir.If | tuple[ir.Stmt, ...]


@dataclass(frozen=True)
class Lanes:
    """How the body of a function falls apart.

    Attributes
    ----------
    parts : tuple
        The body in order: a loop, loops under a condition, or a run of statements that are in none. Entries
        whose position differs from lane to lane are read and written in runs of their own: they keep a run
        from vector registers.
    own : frozenset of str
        Names that have a value in each lane, arguments included; all lanes share the others.
    kept : dict
        Of these, those that a later part reads, with their types.
    """

    parts: tuple[Part, ...]
    own: frozenset[str]
    kept: dict[str, ir.Type]


def in_lanes(function: ir.Function) -> Lanes | None:
    """Return how a function runs for many samples at once, None if it is not made for that."""
    body = function.body[1:] if function.body and isinstance(function.body[0], ir.Skip) else function.body
    loops = [loop for s in body for loop in loops_of(s)]
    plain = all(isinstance(s, ir.Let | ir.Accumulator | ir.Store) or loops_of(s) for s in body)
    simple = not (function.scalar_outputs or function.wide)
    simple = simple and all(room.type == "float" and len(room.extents) == 1 for room in function.workspace)
    rows = all(argument.rank <= 1 for argument in function.arguments)
    flat = all(
        isinstance(s, ir.Let | ir.Update) or (isinstance(s, ir.Store) and not s.add)
        for loop in loops
        for s in loop.body
    )
    if not (loops and plain and flat and simple and rows and function.numerators == 1):
        return None
    if any(loop.reverse or loop.blocks for loop in loops):
        return None
    body = (*body, ir.Let(RESULT, "float", function.returns[0]))
    own = _own(function, body)
    uneven = _Uneven(own, _every_name(body))
    if any(own & set(_names(loop.extent)) for loop in loops) or any(map(uneven.is_guarded, body)):
        return None
    parts = tuple(uneven.parts(body))
    every = frozenset(own | set(uneven.read.values()))
    return Lanes(parts, every, _kept(parts, every))


def loops_of(statement: ir.Stmt) -> tuple[ir.Loop, ...]:
    """Return a loop, or the loops under a condition that does nothing but fill their sums."""
    if isinstance(statement, ir.Loop):
        return (statement,)
    if isinstance(statement, ir.If):
        inside = tuple(s for s in statement.body if isinstance(s, ir.Loop) and not effects(s).stores)
        return inside if inside == statement.body else ()
    return ()


def is_own(argument: ir.Argument) -> bool:
    """Return whether an argument may differ from sample to sample."""
    return argument.role in (*TENSOR_ROLES, "weight") or (not argument.rank and argument.role != "scale")


def _own(function: ir.Function, body: tuple[ir.Stmt, ...]) -> set[str]:
    """Return the names that have a value in each lane."""
    own = {a.name for a in function.arguments if is_own(a)} | {*function.array_outputs, RESULT}
    own |= {room.name for room in function.workspace}
    # What a loop takes in is known after what its terms are made of: nothing is used before it is defined.
    for statement in ir.statements(body):
        if isinstance(statement, ir.Let | ir.Update) and own & _read(statement):
            own.add(statement.name)
    return own


def _names(expr: ir.Expr) -> Iterator[str]:
    for part in ir.subexpressions(expr):
        if isinstance(part, ir.Var):
            yield part.name
        elif isinstance(part, ir.Finish):
            yield part.accumulator
        elif isinstance(part, ir.Load):
            yield part.array


def names_in(statement: ir.Stmt) -> set[str]:
    """Return the names and arrays that a statement reads, and the array that it stores to."""
    sized = {e.array for e in ir.expressions((statement,)) if isinstance(e, ir.Size)}
    stored = {s.array for s in ir.statements((statement,)) if isinstance(s, ir.Store)}
    return sized | stored | _read(statement)


def _read(statement: ir.Stmt) -> set[str]:
    return {name for s in ir.statements((statement,)) for e in ir.own_expressions(s) for name in _names(e)}


def _every_name(body: tuple[ir.Stmt, ...]) -> set[str]:
    defined = {s.name for s in ir.statements(body) if isinstance(s, ir.Let | ir.Accumulator)}
    return defined.union(*map(_read, body))


@dataclass
class _Uneven:
    """Takes entries at positions that differ from lane to lane out of the statements around them."""

    own: set[str]
    names: set[str]
    read: dict[ir.Load, str] = field(default_factory=dict)

    def parts(self, body: tuple[ir.Stmt, ...]) -> Iterator[Part]:
        """Yield the parts of a body in order."""
        loads: list[ir.Stmt] = []
        run: list[ir.Stmt] = []
        for statement in body:
            if isinstance(statement, ir.Loop | ir.If):
                yield from filter(None, (tuple(loads), tuple(run)))
                yield statement
                loads, run = [], []
                continue
            found = [load for load in self._loads(statement) if load not in self.read]
            defined = {s.name for s in run if isinstance(s, ir.Let)}
            if any(defined & set(_names(load)) for load in found):
                yield from filter(None, (tuple(loads), tuple(run)))
                loads, run = [], []
            if isinstance(statement, ir.Let) and found == [statement.expr]:
                self.read[found[0]] = statement.name
                loads.append(statement)
                continue
            for load in found:
                self.read[load] = self._fresh(f"{load.array}_there")
                loads.append(ir.Let(self.read[load], load.type, load))
            if isinstance(statement, ir.Store):
                name = self._fresh(f"{statement.array}_there")
                self.own.add(name)
                run.append(rewrite(ir.Let(name, "float", statement.expr), self._known))
                yield from filter(None, (tuple(loads), tuple(run)))
                yield (replace(statement, expr=ir.Var(name, "float")),)
                loads, run = [], []
            else:
                run.append(rewrite(statement, self._known))
        yield from filter(None, (tuple(loads), tuple(run)))

    def is_guarded(self, statement: ir.Stmt) -> bool:
        """Return whether such an entry is read under a condition: elsewhere it may not exist."""
        lazy = (
            part
            for s in ir.statements((statement,))
            for expr in ir.own_expressions(s)
            for part in ir.subexpressions(expr)
            if isinstance(part, ir.Op) and part.name in _LAZY
        )
        return any(self._is_uneven(part) for op in lazy for part in ir.subexpressions(op))

    def _loads(self, statement: ir.Stmt) -> list[ir.Load]:
        exprs = (statement.expr,) if isinstance(statement, ir.Store) else ir.own_expressions(statement)
        found = (part for expr in exprs for part in ir.subexpressions(expr) if self._is_uneven(part))
        return list(dict.fromkeys(load for load in found if isinstance(load, ir.Load)))

    def _is_uneven(self, expr: ir.Expr) -> bool:
        return isinstance(expr, ir.Load) and any(self.own & set(_names(p)) for p in expr.positions)

    def _known(self, expr: ir.Expr) -> ir.Expr | None:
        if isinstance(expr, ir.Load) and expr in self.read:
            return ir.Var(self.read[expr], expr.type)
        return None

    def _fresh(self, wanted: str) -> str:
        name = next(n for k in range(len(self.names) + 1) if (n := f"{wanted}{k or ''}") not in self.names)
        self.names.add(name)
        return name


def inside(part: Part) -> tuple[ir.Stmt, ...]:
    """Return the statements of a part."""
    if isinstance(part, ir.If):
        return tuple(s for loop in loops_of(part) for s in loop.body)
    return part.body if isinstance(part, ir.Loop) else part


def _kept(parts: tuple[Part, ...], own: frozenset[str]) -> dict[str, ir.Type]:
    """Return the names of lanes that a later part reads."""
    defined: dict[str, tuple[int, ir.Type]] = {}
    kept: dict[str, ir.Type] = {}
    for place, part in enumerate(parts):
        for statement in inside(part):
            reading = _read(statement)
            if isinstance(statement, ir.Store):
                reading = reading.union(*map(_names, statement.positions))
            for name in reading & defined.keys():
                at, kind = defined[name]
                if at != place:
                    kept[name] = kind
            if isinstance(statement, ir.Let) and statement.name in own:
                defined[statement.name] = place, statement.type
    return {name: kept[name] for name in defined if name in kept}
