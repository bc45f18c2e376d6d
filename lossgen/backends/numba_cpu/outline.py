"""Statements of a kernel as a function of their own: what it takes, what it gives, and its text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lossgen.backends.numba_cpu.accumulators import State
from lossgen.backends.numba_cpu.sample import anchor_line, grouped, signature
from lossgen.backends.numba_cpu.states import PASTED, alone
from lossgen.backends.numba_cpu.vector import VectorStatements
from lossgen.lower import ir
from lossgen.lower.effects import effects

_INDENT = "    "


@dataclass(frozen=True)
class Outline:
    """A printed function; `takes` are its parameters, `helpers` what its text calls."""

    name: str
    text: str
    takes: tuple[str, ...]
    helpers: frozenset[str]


@dataclass(frozen=True)
class Free:
    """What statements and expressions take from outside: variables, accumulators and arrays."""

    variables: tuple[str, ...]
    accumulators: tuple[str, ...]
    arrays: frozenset[str]
    types: dict[str, ir.Type]


def free(body: Sequence[ir.Stmt], values: Iterable[ir.Expr] = ()) -> Free:
    """Return what a statement list, followed by the given values, takes from outside."""
    values = tuple(values)
    touched = [effects(statement) for statement in body]
    inside = {name for one in touched for name in (*one.defines, *one.local)}
    every = [*ir.expressions(tuple(body)), *(part for value in values for part in ir.subexpressions(value))]
    types = {part.name: part.type for part in every if isinstance(part, ir.Var)}
    finished = [part.accumulator for part in every if isinstance(part, ir.Finish)]
    updated = [s.name for s in ir.statements(tuple(body)) if isinstance(s, ir.Update)]
    opened = {s.name for s in ir.statements(tuple(body)) if isinstance(s, ir.Accumulator)}
    arrays = {part.array for part in every if isinstance(part, ir.Load | ir.Size)}
    return Free(
        tuple(name for name in types if name not in inside),
        tuple(name for name in dict.fromkeys([*finished, *updated]) if name not in opened),
        frozenset(arrays.union(*(one.stores for one in touched))),
        types,
    )


def outline(
    function: ir.Function,
    name: str,
    remark: str,
    body: Sequence[ir.Stmt],
    *,
    taken: Free,
    states: Sequence[tuple[str, Sequence[State]]] = (),
    gives: Sequence[tuple[str, ir.Expr | None]] = (),
    own: Sequence[State] = (),
    extra: Sequence[str] = (),
) -> Outline:
    """Return statements as a function.

    Parameters
    ----------
    function : Function
        The kernel that they are from.
    name, remark : str
        Name and documentation.
    body : sequence of Stmt
        The statements.
    taken : Free
        What they take.
    states : sequence of (str, sequence of State)
        States that are given whole, by the name of the parameter.
    gives : sequence of (str, Expr or None)
        What it returns: variables, or values of expressions.
    own : sequence of State
        Accumulators that it starts and returns.
    extra : sequence of str
        More parameters.
    """
    printer = VectorStatements(function)
    lines: list[str] = []
    for state_name, members in states:
        names = tuple(part for member in members for part in member.names)
        lines += grouped("", names, f"{alone(names)} = {state_name}", _INDENT)
    for one in own:
        lines += printer.statement(one.accumulator, _INDENT)
    lines += printer.block(tuple(body), _INDENT)
    returned = [part for one in own for part in one.names]
    for variable, value in gives:
        if value is not None and not (isinstance(value, ir.Var) and value.name == variable):
            lines += printer.expressions.broken(value, f"{variable} = ", _INDENT)
        returned.append(variable)
    if returned:
        lines += grouped("return ", tuple(returned), alone(returned) if own else "", _INDENT)
    takes = _ordered(function, taken, [state_name for state_name, _ in states], extra)
    if printer.expressions.uses_real:
        line, takes = anchor_line(function, takes, taken.types)
        lines.insert(0, line)
    head = [PASTED, *signature(f"def {name}(", takes, "):"), f'    """{remark}"""']
    return Outline(name, "\n".join([*head, *lines]) + "\n", takes, frozenset(printer.expressions.helpers))


def _ordered(
    function: ir.Function, taken: Free, states: Sequence[str], extra: Sequence[str]
) -> tuple[str, ...]:
    """States first, then inputs in the order of the kernel, temporaries, and at last what is written."""
    names = {*taken.variables, *taken.arrays}
    arguments = [a.name for a in function.arguments if a.name in names]
    inputs = [name for name in arguments if name not in function.array_outputs]
    workspace = [w.name for w in function.workspace if w.name in names]
    others = [name for name in taken.variables if name not in arguments]
    outputs = [name for name in arguments if name in function.array_outputs]
    return (*states, *inputs, *others, *extra, *outputs, *workspace)
