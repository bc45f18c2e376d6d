"""Print an exact program as Python code over series: one function that evaluates one sample.

Walking the expression tree for every sample dominates everything else; code with real loops is about a hundred times faster. The code is
the expression and nothing more: no rewriting, no derivative.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sympy as sp
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Delta, Detach, Reduction, Where
from lossgen.algebra.tensors import Element
from lossgen.algebra.vocabulary import exact
from lossgen.oracle.series import FUNCTIONS
from lossgen.spec.model import Assign, Program, Sort, Sweep, Term

_RELATIONS = {sp.StrictLessThan: "<", sp.LessThan: "<=", sp.StrictGreaterThan: ">", sp.GreaterThan: ">=", sp.Eq: "==", sp.Ne: "!="}


def is_integer(expr: sp.Basic) -> bool:
    """Whether the expression is evaluated in Python integers: positions, sizes, labels."""
    if isinstance(expr, sp.Integer | Index | Axis | Delta | sp.floor):
        return True
    if isinstance(expr, Element):
        return bool(expr.tensor.dtype == "int")
    if isinstance(expr, Reduction):
        return expr.op.startswith("arg") or (expr.op in ("sum", "max", "min") and is_integer(expr.body))
    if isinstance(expr, Where):
        return is_integer(expr.args[1]) and is_integer(expr.args[2])
    if isinstance(expr, sp.Add | sp.Mul | sp.Max | sp.Min | sp.Mod | sp.Abs):
        return all(map(is_integer, expr.args))
    if isinstance(expr, sp.Pow):
        return is_integer(expr.base) and isinstance(expr.exp, sp.Integer) and expr.exp > 0
    return False


class Writer:
    """Writes statements; every subexpression becomes one local name, shared where its block is open."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 1
        self._count = 0
        self._known: list[dict[sp.Basic, str]] = [{}]
        self.sums: list[Reduction] = []

    def put(self, line: str) -> None:
        self.lines.append("    " * self._depth + line)

    def name(self, stem: str = "t") -> str:
        self._count += 1
        return f"{stem}{self._count}"

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Open an indented block, whose names are forgotten at its end."""
        self.put(header)
        self._depth += 1
        self._known.append({})
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.put("pass")
        self._known.pop()
        self._depth -= 1

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Keep names of this part to this part: what it reads may be assigned after it."""
        self._known.append({})
        yield
        self._known.pop()

    def _lookup(self, expr: sp.Basic) -> str | None:
        return next((known[expr] for known in reversed(self._known) if expr in known), None)

    def _remember(self, expr: sp.Basic, code: str, stem: str = "t") -> str:
        name = self.name(stem)
        self.put(f"{name} = {code}")
        self._known[-1][expr] = name
        return name

    # Integers and conditions

    def integer(self, expr: sp.Basic) -> str:
        """Return code for an integer."""
        if isinstance(expr, sp.Integer):
            return f"({int(expr)})"
        if isinstance(expr, Index):
            return index_name(expr)
        if isinstance(expr, Axis):
            return f"n_{expr.name}"
        if (known := self._lookup(expr)) is not None:
            return known
        if isinstance(expr, Reduction):
            return self._reduction(expr)
        if isinstance(expr, Where):
            return self._where(expr, self.integer)
        return self._remember(expr, self._integer_code(expr), "i")

    def _integer_code(self, expr: sp.Basic) -> str:
        if isinstance(expr, Element):
            return self._element(expr)
        if isinstance(expr, sp.floor):
            above, below = expr.args[0].as_numer_denom()
            return f"{self.integer(above)} // {self.integer(below)}"
        parts = [self.integer(arg) for arg in expr.args]
        match expr:
            case sp.Add():
                return " + ".join(parts)
            case sp.Mul():
                return " * ".join(parts)
            case sp.Pow():
                return f"{parts[0]} ** {parts[1]}"
            case sp.Max() | sp.Min():
                return f"{type(expr).__name__.lower()}({', '.join(parts)})"
            case sp.Mod():
                return f"{parts[0]} % {parts[1]}"
            case sp.Abs():
                return f"abs({parts[0]})"
            case Delta():
                return f"int({parts[0]} == {parts[1]})"
        raise NotImplementedError(f"integer expression {expr!r}")

    def condition(self, expr: sp.Basic) -> str:
        """Return code for a condition."""
        if isinstance(expr, BooleanTrue | BooleanFalse):
            return str(bool(expr))
        if (known := self._lookup(expr)) is not None:
            return known
        if isinstance(expr, sp.And | sp.Or):
            return self._connective(expr)
        if isinstance(expr, sp.Not):
            return self._remember(expr, f"not {self.condition(expr.args[0])}", "b")
        relation = _RELATIONS[type(expr)]
        left, right = expr.args
        if is_integer(left) and is_integer(right):
            return self._remember(expr, f"{self.integer(left)} {relation} {self.integer(right)}", "b")
        return self._remember(expr, f"compare({self.real(left)}, {self.real(right)}) {relation} 0", "b")

    def _connective(self, expr: sp.Basic) -> str:
        # Conditions on positions come first and guard the reads of the others.
        stop = isinstance(expr, sp.Or)
        args = sorted(expr.args, key=lambda arg: (bool(arg.atoms(Element)), sp.default_sort_key(arg)))
        name = self.name("b")
        self.put(f"{name} = {not stop}")
        for arg in args:
            with self.block(f"if {'not ' if stop else ''}{name}:"):
                self.put(f"{name} = {self.condition(arg)}")
        self._known[-1][expr] = name
        return name

    # Real numbers

    def real(self, expr: sp.Basic) -> str:
        """Return the name that holds the series of a real expression."""
        if (known := self._lookup(expr)) is not None and not is_integer(expr):
            return known
        if is_integer(expr):
            key = ("real", expr)
            known = self._lookup(key)  # type: ignore[arg-type]
            return known or self._remember(key, f"constant({self.integer(expr)})")  # type: ignore[arg-type]
        if isinstance(expr, Reduction):
            return self._reduction(expr)
        if isinstance(expr, Where):
            return self._where(expr, self.real)
        return self._remember(expr, self._real_code(expr))

    def _real_code(self, expr: sp.Basic) -> str:
        match expr:
            case sp.Rational():
                return f"constant(arb({expr.p}) / {expr.q})"
            case sp.core.numbers.Exp1():
                return "constant(arb(1).exp())"
            case sp.core.numbers.Pi():
                return "constant(arb.pi())"
            case Element():
                return self._element(expr)
            case Detach():
                return f"constant({self.real(expr.args[0])}[0])"
            case sp.Add():
                return self._sum(expr)
            case sp.Mul():
                return self._product(expr)
            case sp.Pow():
                return self._power(expr.base, expr.exp)
            case sp.Max() | sp.Min():
                helper = "maximum" if isinstance(expr, sp.Max) else "minimum"
                split = len(expr.args) == 2 and not any(arg.is_number for arg in expr.args)
                code, *rest = map(self.real, sorted(expr.args, key=sp.default_sort_key))
                for arg in rest:
                    code = f"{helper}({code}, {arg}, {split})"
                return code
        name = type(expr).__name__
        if name not in FUNCTIONS:
            raise NotImplementedError(f"the oracle has no evaluator for {name}: {expr!r}")
        return f"{name}_({', '.join(map(self.real, expr.args))})"

    def _sum(self, expr: sp.Add) -> str:
        # a - detach(a) is exactly 0, which two balls cannot know.
        rest = list(expr.args)
        parts = []
        for arg in expr.args:
            if -Detach(arg) in rest:
                parts.append(f"varying({self.real(arg)})")
                rest.remove(arg)
                rest.remove(-Detach(arg))
        return " + ".join([*parts, *map(self.real, rest)])

    def _product(self, expr: sp.Mul) -> str:
        above, below = [], []
        for factor in expr.args:
            power = factor if isinstance(factor, sp.Pow) and not is_integer(factor) else None
            if power is not None and power.exp.is_number and power.exp.is_negative:
                below.append(self.real(sp.Pow(power.base, -power.exp)))
            else:
                above.append(self.real(factor))
        numerator = " * ".join(above) or "constant(1)"
        return f"divide({numerator}, {' * '.join(below)})" if below else numerator

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> str:
        if exponent.is_number and exponent.is_negative:
            return f"divide(constant(1), {self.real(sp.Pow(base, -exponent))})"
        if isinstance(exponent, sp.Integer):
            return f"integer_power({self.real(base)}, {int(exponent)})"
        if exponent == sp.S.Half:
            return f"sqrt_({self.real(base)})"
        return f"power({self.real(base)}, {self.real(exponent)})"

    def _element(self, expr: Element) -> str:
        positions = "".join(f"{self.integer(position)}, " for position in expr.positions)
        return f"{tensor_name(expr)}[({positions})]"

    def _where(self, expr: Where, write: object) -> str:
        test, first, second = expr.args
        code, name = self.condition(test), self.name()
        for header, branch in ((f"if {code}:", first), ("else:", second)):
            with self.block(header):
                self.put(f"{name} = {write(branch)}")  # type: ignore[operator]
        self._known[-1][expr] = name
        return name

    def _reduction(self, expr: Reduction) -> str:
        for inner in _loop_invariant(expr.body, expr.index):
            (self.integer if is_integer(inner) else self.real)(inner)
        name, loop = self.name(), f"for {index_name(expr.index)} in range(n_{expr.index.axis.name}):"
        getattr(self, f"_loop_{expr.op}")(expr, name, loop)
        self._known[-1][expr] = name
        return name

    def _loop_sum(self, expr: Reduction, name: str, loop: str) -> None:
        if is_integer(expr):
            self.put(f"{name} = 0")
            with self.block(loop):
                self.put(f"{name} += {self.integer(expr.body)}")
            return
        if expr not in self.sums:
            self.sums.append(expr)
        node = self.sums.index(expr)
        self.put(f"{name} = constant(0)")
        with self.block(loop):
            body = self.real(expr.body)
            self.put(f"{name} = {name} + ({body} if moves is None else moves.term({node}, {body}))")

    def _extreme(self, expr: Reduction, name: str, loop: str, relation: str, position: bool) -> None:
        best = self.name()
        self.put(f"{name} = {best} = None")
        with self.block(loop):
            body = self.integer(expr.body) if is_integer(expr.body) else self.real(expr.body)
            better = f"{body} {relation} {best}" if is_integer(expr.body) else f"compare({body}, {best}) {relation} 0"
            with self.block(f"if {best} is None or {better}:"):
                self.put(f"{best} = {body}")
                self.put(f"{name} = {index_name(expr.index) if position else body}")

    def _loop_max(self, expr: Reduction, name: str, loop: str) -> None:
        self._extreme(expr, name, loop, ">", position=False)

    def _loop_min(self, expr: Reduction, name: str, loop: str) -> None:
        self._extreme(expr, name, loop, "<", position=False)

    def _loop_argmax(self, expr: Reduction, name: str, loop: str) -> None:
        self._extreme(expr, name, loop, ">", position=True)

    def _loop_argmin(self, expr: Reduction, name: str, loop: str) -> None:
        self._extreme(expr, name, loop, "<", position=True)

    def _loop_lse(self, expr: Reduction, name: str, loop: str) -> None:
        self.put(f"{name} = constant(0)")
        with self.block(loop):
            self.put(f"{name} = {name} + exp_({self.real(expr.body)})")
        self.put(f"{name} = log_({name})")

    def _loop_norm(self, expr: Reduction, name: str, loop: str) -> None:
        self.put(f"{name} = constant(0)")
        with self.block(loop):
            body = self.real(expr.body)
            self.put(f"{name} = {name} + {body} * {body}")
        self.put(f"{name} = sqrt_({name})")


def index_name(index: Index) -> str:
    """Return the Python name of an index."""
    return "j_" + index.name.replace("#", "_")


def tensor_name(element: Element) -> str:
    """Return the Python name of a tensor."""
    return f"T_{element.tensor.name}"


def _loop_invariant(body: sp.Basic, index: Index) -> list[Reduction]:
    """Reductions inside a body that do not depend on its index and are always evaluated."""
    if isinstance(body, Reduction) and index not in body.free_symbols:
        free = {s for s in body.free_symbols if isinstance(s, Index)}
        bound = {node.index for node in body.atoms(Reduction)}
        return [] if free & bound else [body]
    if isinstance(body, Reduction | Where):
        return []
    return [found for arg in body.args for found in _loop_invariant(arg, index)]


def _stage(writer: Writer, stage: Sweep | Sort) -> None:
    if isinstance(stage, Sort):
        keys = writer.name("keys")
        writer.put(f"{keys} = []")
        with writer.block(f"for {index_name(stage.index)} in range(n_{stage.index.axis.name}):"):
            writer.put(f"{keys}.append({writer.real(exact(stage.key))})")
        writer.put(f"T_{stage.order.name} = {{(p,): o for p, o in enumerate(order({keys}, {stage.descending}))}}")
        return
    for name in sorted({assign.target.tensor.name for assign in stage.body}):
        writer.put(f"T_{name} = {{}}")
    _sweep(writer, stage, stage.indices)


def _sweep(writer: Writer, stage: Sweep, indices: tuple[Index, ...]) -> None:
    if not indices:
        for assign in stage.body:
            _assign(writer, assign)
        return
    extent = f"range(n_{indices[0].axis.name})"
    with writer.block(f"for {index_name(indices[0])} in {f'reversed({extent})' if stage.reverse else extent}:"):
        _sweep(writer, stage, indices[1:])


def _assign(writer: Writer, assign: Assign) -> None:
    with writer.forgetting():
        test = writer.condition(assign.guard)
        with writer.block(f"if {test}:"):
            integer = assign.target.tensor.dtype == "int"
            value = (writer.integer if integer else writer.real)(exact(assign.expr))
            target = assign.target
            place = "".join(f"{writer.integer(position)}, " for position in target.positions)
            start = f"T_{target.tensor.name}.get(({place}), {0 if integer else 'constant(0)'}) + " if assign.add else ""
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
    """Return Python source with ``loss`` and ``divisor``, and the sums of ``loss`` in the order of their numbers.

    Both functions take inputs (name -> position -> number), sizes (axis -> extent) and ``moves``, and return for each term a mapping
    from the position of an item to its numbers, None where the item is not kept.
    """
    loss, sums = _function(program, "loss", stages=True, value=True)
    divisor, _ = _function(program, "divisor", stages=False, value=False)
    return f"{loss}\n\n\n{divisor}\n", sums
