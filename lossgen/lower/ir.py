"""The loop IR: what a kernel does with one sample, as typed statements over an ordered expression tree.

SymPy's sums and products are n-ary and reordered, so they cannot hold an order of evaluation; these trees
can. Everything is frozen: a pass returns new statements.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Type = Literal["float", "int", "bool"]


@dataclass(frozen=True)
class Const:
    """A number, exact (irrational ones to 60 digits), an infinity, or a truth value."""

    value: Fraction | float | bool
    type: Type


@dataclass(frozen=True)
class Var:
    """A name defined by a statement before, or a scalar argument."""

    name: str
    type: Type


@dataclass(frozen=True)
class Load:
    """One entry of an array argument or of the workspace."""

    array: str
    positions: tuple[Expr, ...]
    type: Type


@dataclass(frozen=True)
class Size:
    """Full extent of one dimension of an array argument."""

    array: str
    dim: int
    type: Type = "int"


@dataclass(frozen=True)
class Finish:
    """What an accumulator holds once its loop is done; `part` is ``value`` or ``position``."""

    accumulator: str
    part: str
    type: Type


@dataclass(frozen=True)
class Op:
    """An operation on values: arithmetic, comparison, ``select`` (lazy), or a function of the vocabulary."""

    name: str
    args: tuple[Expr, ...]
    type: Type


Expr = Const | Var | Load | Size | Finish | Op


@dataclass(frozen=True)
class Let:
    """``name = expr``."""

    name: str
    type: Type
    expr: Expr


@dataclass(frozen=True)
class Loop:
    """``for index in range(extent)``, downwards if `reverse`.

    With ``blocks`` it may run in blocks of iterations, in any order or at once: each block fills accumulators
    of its own, which are merged in the order of the blocks, and no block reads what another one stores.
    """

    index: str
    extent: Expr
    body: tuple[Stmt, ...]
    reverse: bool = False
    blocks: bool = False


@dataclass(frozen=True)
class Accumulator:
    """State of a reduction, at its neutral element. `op`: sum, count (a sum of whole numbers, which never
    rounds), max, min, argmax, argmin (value and position), norm.
    """

    name: str
    op: str
    type: Type


@dataclass(frozen=True)
class Update:
    """Take one term into an accumulator; `position` for argmax and argmin."""

    name: str
    op: str
    expr: Expr
    position: Expr | None = None


@dataclass(frozen=True)
class Store:
    """``array[positions] = expr`` or ``+=``."""

    array: str
    positions: tuple[Expr, ...]
    expr: Expr
    add: bool = False


@dataclass(frozen=True)
class Fill:
    """Set a whole array to zero."""

    array: str


@dataclass(frozen=True)
class If:
    """Statements that run only where the condition holds."""

    condition: Expr
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Choose:
    """``name`` gets one of two values; the statements of the branch not taken do not run."""

    name: str
    type: Type
    condition: Expr
    then: tuple[Stmt, ...]
    then_value: Expr
    otherwise: tuple[Stmt, ...]
    otherwise_value: Expr


@dataclass(frozen=True)
class Skip:
    """Leave with zeros unless the condition holds; `outputs` are the arrays to zero."""

    condition: Expr
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Sort:
    """``order[:count]`` = positions of ``key[:count]`` in sorted order, stable."""

    order: str
    key: str
    count: Expr
    descending: bool


Stmt = Let | Loop | Accumulator | Update | Store | Fill | If | Choose | Skip | Sort


@dataclass(frozen=True)
class Argument:
    """A scalar (rank 0) or an array of one sample. `role` is that of the tensor."""

    name: str
    type: Type
    rank: int
    role: str


@dataclass(frozen=True)
class Array:
    """Workspace, allocated once for a block of samples; extents in terms of `Size`."""

    name: str
    type: Type
    extents: tuple[Expr, ...]


@dataclass(frozen=True)
class Function:
    """A kernel over one sample. Scalar outputs are returned after the numerators; array outputs are
    arguments. A `wide` one computes in float64 whatever its arrays hold.
    """

    name: str
    arguments: tuple[Argument, ...]
    workspace: tuple[Array, ...]
    body: tuple[Stmt, ...]
    returns: tuple[Expr, ...]
    numerators: int
    scalar_outputs: tuple[str, ...]
    array_outputs: tuple[str, ...]
    wide: bool = False


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the direct subexpressions."""
    if isinstance(expr, Op):
        return expr.args
    return expr.positions if isinstance(expr, Load) else ()


def subexpressions(expr: Expr) -> Iterator[Expr]:
    """Yield the expression and everything inside it."""
    yield expr
    for child in children(expr):
        yield from subexpressions(child)


def bodies(statement: Stmt) -> tuple[tuple[Stmt, ...], ...]:
    """Return the statement lists nested directly in a statement."""
    if isinstance(statement, Loop | If):
        return (statement.body,)
    return (statement.then, statement.otherwise) if isinstance(statement, Choose) else ()


def own_expressions(statement: Stmt) -> tuple[Expr, ...]:
    """Return the expressions of a statement, those of nested statements left out."""
    match statement:
        case Let(expr=expr):
            return (expr,)
        case Loop(extent=extent):
            return (extent,)
        case Update(expr=expr, position=position):
            return (expr,) if position is None else (expr, position)
        case Store(positions=positions, expr=expr):
            return (*positions, expr)
        case If(condition=condition) | Skip(condition=condition):
            return (condition,)
        case Choose(condition=condition, then_value=a, otherwise_value=b):
            return (condition, a, b)
        case Sort(count=count):
            return (count,)
    return ()


def statements(body: tuple[Stmt, ...]) -> Iterator[Stmt]:
    """Yield every statement, outer ones first."""
    for statement in body:
        yield statement
        for inner in bodies(statement):
            yield from statements(inner)


def expressions(body: tuple[Stmt, ...]) -> Iterator[Expr]:
    """Yield every expression and subexpression of the statements."""
    for statement in statements(body):
        for expr in own_expressions(statement):
            yield from subexpressions(expr)
