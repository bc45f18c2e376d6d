"""Print an exact program as Python code over series: one function that evaluates one sample.

Walking the expression tree for every sample dominates everything else; code with real loops is about a
hundred times faster. The code is the expression and nothing more: no rewriting, no derivative.
"""

from __future__ import annotations

import sympy as sp

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Reduction
from lossgen.algebra.vocabulary import exact
from lossgen.oracle.blocks import index_name
from lossgen.oracle.expressions import Writer
from lossgen.spec.model import Assign, Program, Sort, Sweep, Term


def _stage(writer: Writer, stage: Sweep | Sort) -> None:
    if isinstance(stage, Sort):
        keys = writer.name("keys")
        writer.put(f"{keys} = []")
        with writer.block(f"for {index_name(stage.index)} in range(n_{stage.index.axis.name}):"):
            writer.put(f"{keys}.append({writer.real(exact(stage.key))})")
        writer.put(
            f"T_{stage.order.name} = {{(p,): o for p, o in enumerate(order({keys}, {stage.descending}))}}"
        )
        return
    for name in sorted({tensor.name for tensor in stage.written}):
        writer.put(f"T_{name} = {{}}")
    _sweep(writer, stage, stage.indices)


def _sweep(writer: Writer, stage: Sweep, indices: tuple[Index, ...]) -> None:
    if not indices:
        for assign in stage.body:
            _assign(writer, assign, stage.positive)
        return
    extent = f"range(n_{indices[0].axis.name})"
    with writer.block(
        f"for {index_name(indices[0])} in {f'reversed({extent})' if stage.reverse else extent}:"
    ):
        _sweep(writer, stage, indices[1:])


def _assign(writer: Writer, assign: Assign, positive: bool) -> None:
    with writer.forgetting():
        test = writer.condition(assign.guard)
        with writer.block(f"if {test}:"):
            integer = assign.target.tensor.dtype == "int"
            target = assign.target
            place = "".join(f"{writer.integer(position)}, " for position in target.positions)
            entry = f"({target.tensor.name!r}, ({place}))"
            writer.put(f"moves is None or moves.begin({entry})")
            value = (writer.integer if integer else writer.real)(exact(assign.expr))
            start = (
                f"T_{target.tensor.name}.get(({place}), {0 if integer else 'constant(0)'}) + "
                if assign.add
                else ""
            )
            if not integer:
                method = "entry" if positive else "store"
                value = f"({value} if moves is None else moves.{method}({entry}, {value}))"
            writer.put(f"T_{target.tensor.name}[({place})] = {start}{value}")


def _extents(writer: Writer, program: Program) -> None:
    bounded = {axis.name: element for axis, element in program.extents}
    derived: dict[str, Axis] = {}
    plain: list[str] = []
    for axis in axes_of(program):
        if axis.name in bounded:
            writer.put(f"n_{axis.name} = {writer.integer(bounded[axis.name])}")
        elif axis.extent is not None:
            derived[axis.name] = axis
        else:
            plain.append(axis.name)
            writer.put(f"n_{axis.name} = sizes[{axis.name!r}]")
    for axis in derived.values():
        writer.put(f"n_{axis.name} = {writer.integer(axis.extent)}")


def axes_of(program: Program) -> list[Axis]:
    """Return every axis of a program, by name."""
    found: dict[str, Axis] = {}
    exprs: list[sp.Basic] = []
    for stage in program.stages:
        if isinstance(stage, Sort):
            exprs += [stage.key, stage.index]
        else:
            exprs += [*stage.indices, *(part for a in stage.body for part in (a.target, a.expr, a.guard))]
    for term in program.terms:
        exprs += [term.value, term.keep, term.mean_by, term.mean_scale, *term.items]
    for tensor in program.inputs:
        for axis in tensor.axes:
            found.setdefault(axis.name, axis)
    for expr in exprs:
        for symbol in expr.atoms(sp.Symbol):
            axis = symbol if isinstance(symbol, Axis) else symbol.axis if isinstance(symbol, Index) else None
            if axis is not None:
                found.setdefault(axis.name, axis)
    for axis in list(found.values()):
        for symbol in () if axis.extent is None else axis.extent.atoms(Axis):
            found.setdefault(symbol.name, symbol)
    return [found[name] for name in sorted(found)]


def _term(writer: Writer, term: Term, parts: tuple[sp.Expr, ...]) -> None:
    with writer.forgetting():
        writer.put("out = {}")
        writer.put("outputs.append(out)")
        writer.put("moves is None or moves.begin(None)")
        _items(writer, term, term.items, parts)


def _items(writer: Writer, term: Term, items: tuple[Index, ...], parts: tuple[sp.Expr, ...]) -> None:
    if items:
        with writer.block(f"for {index_name(items[0])} in range(n_{items[0].axis.name}):"):
            _items(writer, term, items[1:], parts)
        return
    place = "".join(f"{index_name(item)}, " for item in term.items)
    test = writer.condition(exact(term.keep))
    writer.put(f"out[({place})] = None")
    with writer.block(f"if {test}:"):
        names = [writer.real(exact(part)) for part in parts]
        writer.put(f"out[({place})] = ({', '.join(names)}, )")


def _function(program: Program, name: str, stages: bool, value: bool) -> tuple[str, list[Reduction]]:
    writer = Writer()
    for tensor in program.inputs:
        writer.put(f"T_{tensor.name} = inputs[{tensor.name!r}]")
    _extents(writer, program)
    writer.put("outputs = []")
    keep = [term.keep for term in program.terms if not term.items]
    with writer.forgetting():
        if len(keep) == len(program.terms) == 1 and keep[0] != sp.true:
            # A sample that is not kept is not read: its labels may point nowhere.
            with writer.block(f"if not {writer.condition(exact(keep[0]))}:"):
                writer.put("return [{(): None}]")
    if stages:
        for stage in program.stages:
            _stage(writer, stage)
    for term in program.terms:
        _term(writer, term, (term.value,) if value else (term.mean_by, term.mean_scale))
    writer.put("return outputs")
    return "\n".join((f"def {name}(inputs, sizes, moves):", *writer.lines)), writer.sums


def program_code(program: Program) -> tuple[str, list[Reduction]]:
    """Return Python source with ``loss`` and ``divisor``, and the sums of ``loss`` in the order of their
    numbers.

    Both functions take inputs (name -> position -> number), sizes (axis -> extent) and ``moves``, and return
    for each term a mapping from the position of an item to its numbers, None where the item is not kept.
    """
    loss, sums = _function(program, "loss", stages=True, value=True)
    divisor, _ = _function(program, "divisor", stages=False, value=False)
    return f"{loss}\n\n\n{divisor}\n", sums
