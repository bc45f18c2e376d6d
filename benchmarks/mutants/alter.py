"""Places of a lowered kernel where it can be altered, and what it is altered to.

A place is a float coefficient, a sum, difference, quotient or negation, a comparison, a choice between two
numbers, a logical joint, or the extreme that an accumulator keeps. Whole numbers that say where something
lies are left alone: altered ones read outside of arrays.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from lossgen.lower import ir
from lossgen.lower.rewrite import rewrite, rewrite_expr

# What takes the place of an operation.
OTHER = {
    "add": ("sub",),
    "sub": ("add",),
    "ge": ("lt", "gt"),
    "gt": ("le", "ge"),
    "le": ("gt", "lt"),
    "lt": ("ge", "le"),
    "eq": ("ne",),
    "ne": ("eq",),
    "min": ("max",),
    "max": ("min",),
    "and": ("or",),
    "or": ("and",),
    "argmin": ("argmax",),
    "argmax": ("argmin",),
}
COMPARED = ("ge", "gt", "le", "lt")
SWAPPED = ("sub", "div", "quotient", "sqdiv")
# These differ where both sides are equal alone.
TIES = ("ge for gt", "gt for ge", "le for lt", "lt for le")
COEFFICIENTS: dict[str, Callable[[Fraction], Fraction]] = {
    "1 % more": lambda number: number * Fraction(101, 100),
    "twice": lambda number: 2 * number,
    "the other sign": lambda number: -number,
}


@dataclass(frozen=True)
class Mutation:
    """One alteration.

    Attributes
    ----------
    place : int
        Which place of the kernel.
    what : str
        What is done there.
    bound : bool
        Whether it moves the bound of a branch, or gives the bound itself to the other one.
    """

    place: int
    what: str
    bound: bool = False


def mutations(function: ir.Function) -> list[list[Mutation]]:
    """Return what can be done at each place."""
    found: list[list[Mutation]] = []

    bounds: set[int] = set()

    def look(node: ir.Expr | ir.Accumulator) -> None:
        compared = isinstance(node, ir.Op) and node.name in COMPARED
        if compared:  # seen before its arguments are
            bounds.update(id(arg) for arg in node.args if isinstance(arg, ir.Const))
        if names := [name for name, _ in _options(node)]:
            moved = id(node) in bounds
            found.append([Mutation(len(found), n, moved or (compared and n in TIES)) for n in names])

    _walked(function, look)
    return found


def chosen(function: ir.Function, rng: random.Random) -> Mutation | None:
    """Return one alteration, all places being equally likely; None if there is no place."""
    places = mutations(function)
    return rng.choice(rng.choice(places)) if places else None


def altered(function: ir.Function, mutation: Mutation) -> tuple[ir.Function, str]:
    """Return the altered kernel, and what was before and after, as text."""
    seen = 0
    said = ""

    def change(node: ir.Expr | ir.Accumulator) -> ir.Expr | ir.Accumulator | None:
        nonlocal seen, said
        options = dict(_options(node))
        if not options:
            return None
        seen += 1
        if seen - 1 != mutation.place:
            return None
        new = options[mutation.what]
        said = f"{text(node)}  →  {text(new)}"
        return new

    return _walked(function, change), said


def _walked(function: ir.Function, change: Callable) -> ir.Function:
    return replace(
        function,
        body=tuple(_statement(one, change) for one in function.body),
        returns=tuple(rewrite_expr(one, change) for one in function.returns),
    )


def _statement(statement: ir.Stmt, change: Callable) -> ir.Stmt:
    match statement:
        case ir.Accumulator():
            return change(statement) or statement
        case ir.Skip(condition=condition):
            return replace(statement, condition=rewrite_expr(condition, change))
        case ir.Loop(body=body) | ir.If(body=body):
            own = rewrite(replace(statement, body=()), change)
            return replace(own, body=tuple(_statement(one, change) for one in body))
        case ir.Choose(then=then, otherwise=otherwise):
            own = rewrite(replace(statement, then=(), otherwise=()), change)
            return replace(
                own,
                then=tuple(_statement(one, change) for one in then),
                otherwise=tuple(_statement(one, change) for one in otherwise),
            )
    return rewrite(statement, change)


def _options(node: ir.Expr | ir.Accumulator) -> Iterator[tuple[str, ir.Expr | ir.Accumulator]]:
    match node:
        case ir.Const(value=Fraction() as value, type="float"):
            if value == 0:
                yield "1 instead of 0", replace(node, value=Fraction(1))
            else:
                for name, change in COEFFICIENTS.items():
                    yield name, replace(node, value=change(value))
        case ir.Accumulator(op=op):
            for other in OTHER.get(op, ()):
                yield f"{other} for {op}", replace(node, op=other)
        case ir.Op(name=name, args=args, type=kind) if kind != "int":
            for other in OTHER.get(name, ()):
                yield f"{other} for {name}", replace(node, name=other)
            if name in SWAPPED and args[0] != args[1]:
                yield "operands swapped", replace(node, args=(args[1], args[0], *args[2:]))
            if name == "neg":
                yield "no minus", args[0]
            if name == "select":
                yield "branches swapped", replace(node, args=(args[0], args[2], args[1]))


def text(node: ir.Expr | ir.Accumulator) -> str:
    """Write a part of a kernel in one short line."""
    whole = _text(node)
    return whole if len(whole) <= 80 else f"{whole[:79]}…"


def _text(node: ir.Expr | ir.Accumulator) -> str:
    match node:
        case ir.Const(value=Fraction() as value):
            return str(value) if value.denominator < 1000 else f"{float(value):.9g}"
        case ir.Const(value=value):
            return str(value)
        case ir.Var(name=name):
            return name
        case ir.Load(array=array, positions=positions):
            return f"{array}[{', '.join(map(_text, positions))}]"
        case ir.Size(array=array, dim=dim):
            return f"size({array}, {dim})"
        case ir.Finish(accumulator=name) | ir.Accumulator(name=name):
            return name if isinstance(node, ir.Finish) else f"{node.op} {name}"
        case ir.Op(name=name, args=args):
            return f"{name}({', '.join(map(_text, args))})"
    raise AssertionError(node)
