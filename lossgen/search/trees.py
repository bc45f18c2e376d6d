"""Ordered expression trees that share equal parts, and what they are at many samples at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from lossgen.lower import ir
from lossgen.lower.check import COMPARISON, LOGICAL
from lossgen.search.functions import Array, function
from lossgen.search.points import DTYPES, Points

__all__ = ["Forest", "Node", "plain_kernel", "returned"]

# Two spellings of one operation: the vocabulary keeps these out of the reach of algebra.
_PLAIN = {"gap": "sub", "quotient": "div"}
# What an operation costs; a function that is not named costs more than any.
_COSTS = {
    **dict.fromkeys(("const", "var", "neg"), 0),
    **dict.fromkeys(("add", "sub", "mul", "abs", "float", "select", *COMPARISON, *LOGICAL), 1),
    "div": 4,
    "sqrt": 6,
}
_FUNCTION_COST = 15


@dataclass(frozen=True)
class Node:
    """An operation on other nodes, by number; `leaf` is what a constant or an argument is."""

    name: str
    args: tuple[int, ...]
    type: ir.Type
    leaf: ir.Expr | None = None


class Forest:
    """Trees over the arguments of one kernel: equal trees are one, and evaluated once.

    Parameters
    ----------
    points : Points or None
        Where trees are evaluated, if they are.
    arguments : iterable of Argument
        Those of all kernels.
    wide : bool
        Whether everything is computed in float64.
    """

    def __init__(self, points: Points | None, arguments: Iterable[ir.Argument], wide: bool) -> None:
        self.points, self.arguments, self.wide = points, {a.name: a for a in arguments}, wide
        self._inputs: dict[np.dtype[Any], dict[str, Array]] = {}
        self.nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}
        self._values: dict[tuple[int, np.dtype[Any]], Any] = {}
        self._below: dict[int, tuple[int, ...]] = {}

    # Making trees

    def op(self, name: str, *args: int) -> int:
        """Return the number of an operation on floats."""
        return self.node(Node(name, args, "float"))

    def node(self, node: Node) -> int:
        """Return the number of a node."""
        if node not in self._numbers:
            self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
        return self._numbers[node]

    def constant(self, value: Any) -> int:
        """Return the number of a constant."""
        return self.node(Node("const", (), "float", ir.Const(value, "float")))

    def planted(self, expr: ir.Expr, names: Mapping[str, int]) -> int:
        """Return the number of an expression, names replaced by what they stand for."""
        if isinstance(expr, ir.Var) and expr.name in names:
            return names[expr.name]
        if isinstance(expr, ir.Op):
            args = tuple(self.planted(arg, names) for arg in expr.args)
            return self.node(Node(_PLAIN.get(expr.name, expr.name), args, expr.type))
        if isinstance(expr, ir.Const | ir.Var):
            return self.node(Node("const" if isinstance(expr, ir.Const) else "var", (), expr.type, expr))
        raise NotImplementedError(type(expr).__name__)

    def plant(self, kernel: ir.Function) -> dict[str, int]:
        """Return the tree of each number that a kernel returns."""
        names = self._bodies(kernel)
        roots = (self.planted(value, names) for value in kernel.returns)
        return dict(zip(returned(kernel), roots, strict=True))

    def named(self, kernel: ir.Function) -> dict[int, str]:
        """Return the trees that have a name outside of all branches of a kernel."""
        names = self._bodies(kernel)
        return {names[s.name]: s.name for s in kernel.body if isinstance(s, ir.Let | ir.Choose)}

    def _bodies(self, kernel: ir.Function) -> dict[str, int]:
        names: dict[str, int] = {}
        self._plant(kernel.body, names)
        return names

    def _plant(self, body: Iterable[ir.Stmt], names: dict[str, int]) -> None:
        for statement in body:
            match statement:
                case ir.Let(name=name, expr=expr):
                    names[name] = self.planted(expr, names)
                case ir.Choose(name=name, type=kind):
                    self._plant((*statement.then, *statement.otherwise), names)
                    parts = (statement.condition, statement.then_value, statement.otherwise_value)
                    args = tuple(self.planted(part, names) for part in parts)
                    names[name] = self.node(Node("select", args, kind))

    def transplanted(self, other: Forest, root: int) -> int:
        """Return a tree of another forest here."""
        done: dict[int, int] = {}
        for number in other.below(root):
            node = other.nodes[number]
            done[number] = self.node(replace(node, args=tuple(done[arg] for arg in node.args)))
        return done[root]

    def replaced(self, root: int, old: int, new: int) -> int:
        """Return a tree with one of its parts replaced wherever it occurs."""
        done = {old: new}
        for number in self.below(root):
            if number in done:
                continue
            node = self.nodes[number]
            args = tuple(done.get(arg, arg) for arg in node.args)
            done[number] = number if args == node.args else self.node(Node(node.name, args, node.type))
        return done[root]

    # Reading trees

    def below(self, root: int) -> tuple[int, ...]:
        """Return the parts of a tree, each once and after its own parts; the tree itself is last."""
        if root not in self._below:
            found: dict[int, None] = {}
            for arg in self.nodes[root].args:
                found.update(dict.fromkeys(self.below(arg)))
            self._below[root] = (*found, root)
        return self._below[root]

    def cost(self, root: int) -> int:
        """Return what a tree costs to compute."""
        return sum(_COSTS.get(self.nodes[number].name, _FUNCTION_COST) for number in self.below(root))

    def values(self, root: int) -> dict[np.dtype[Any], Array]:
        """Return what a tree is at every sample, in each precision."""
        assert self.points is not None
        found = {}
        for dtype in DTYPES:
            if dtype not in self._inputs:
                self._inputs[dtype] = self.points.inputs(self.arguments.values(), dtype)
            count = len(next(iter(self._inputs[dtype].values())))
            with np.errstate(all="ignore"):
                for number in self.below(root):
                    self._value(number, dtype)
                found[dtype] = np.broadcast_to(np.asarray(self._values[root, dtype]), (count,)).astype(dtype)
        return found

    def _value(self, number: int, dtype: np.dtype[Any]) -> None:
        key = (number, dtype)
        if key in self._values:
            return
        node = self.nodes[number]
        own = np.dtype(np.float64) if self.wide else dtype
        if isinstance(node.leaf, ir.Const):
            value = node.leaf.value
            self._values[key] = own.type(float(value)) if node.type == "float" else value
        elif isinstance(node.leaf, ir.Var):
            array = self._inputs[dtype][node.leaf.name]
            self._values[key] = array if node.type == "int" else array.astype(own)
        else:
            args = [self._values[arg, dtype] for arg in node.args]
            self._values[key] = _applied(node.name, args, own)

    def written(self, root: int) -> list[list[Any]]:
        """Return a tree as a list of its parts, for a file; operations name parts before them by number."""
        places = {number: k for k, number in enumerate(self.below(root))}
        return [self._row(self.nodes[number], places) for number in places]

    @staticmethod
    def _row(node: Node, places: Mapping[int, int]) -> list[Any]:
        match node.leaf:
            case ir.Const(value=value):
                return ["const", str(value), node.type]
            case ir.Var(name=name):
                return ["var", name]
        return [node.name, *(places[arg] for arg in node.args)]

    def read(self, rows: Iterable[Sequence[Any]]) -> int:
        """Return a tree from such a list."""
        made: list[int] = []
        for name, *parts in rows:
            if name == "const":
                made.append(self.node(Node("const", (), parts[1], _constant(*parts))))
            elif name == "var":
                kind = self.arguments[parts[0]].type
                made.append(self.node(Node("var", (), kind, ir.Var(parts[0], kind))))
            else:
                made.append(self.node(Node(name, tuple(made[k] for k in parts), _type(name))))
        return made[-1]

    def expression(self, root: int, names: Mapping[int, str]) -> ir.Expr:
        """Return a tree as an expression; parts that have a name are read by it."""
        node = self.nodes[root]
        if root in names:
            return ir.Var(names[root], node.type)
        if node.leaf is not None:
            return node.leaf
        return ir.Op(node.name, tuple(self.expression(arg, names) for arg in node.args), node.type)

    def shared(self, roots: list[int]) -> Iterator[int]:
        """Yield the parts that several others, or several trees, are made of: inner ones first."""
        order = dict.fromkeys(number for root in roots for number in self.below(root))
        uses = dict.fromkeys(order, 0)
        for number in order:
            for arg in set(self.nodes[number].args):
                uses[arg] += 1
        for root in roots:
            uses[root] += 1
        yield from (n for n in order if uses[n] > 1 and self.nodes[n].args and self.nodes[n].type == "float")


def _constant(text: str, kind: ir.Type) -> ir.Const:
    if kind == "bool":
        return ir.Const(text == "True", kind)
    return ir.Const(float(text) if text.endswith("inf") else Fraction(text), kind)


def _type(name: str) -> ir.Type:
    return "bool" if name in COMPARISON | LOGICAL else "float"


def returned(kernel: ir.Function) -> tuple[str, ...]:
    """Return the names of what a kernel returns."""
    return (*(f"result{k}" for k in range(kernel.numerators)), *kernel.scalar_outputs)


def plain_kernel(kernel: ir.Function) -> bool:
    """Whether a kernel only names numbers and returns some, without loops and arrays."""
    if kernel.array_outputs or kernel.workspace or kernel.numerators > 1:
        return False
    returned = (part for value in kernel.returns for part in ir.subexpressions(value))
    return all(isinstance(s, ir.Let | ir.Choose) for s in ir.statements(kernel.body)) and all(
        isinstance(part, ir.Const | ir.Var | ir.Op) for part in (*ir.expressions(kernel.body), *returned)
    )


def _applied(name: str, args: list[Any], dtype: np.dtype[Any]) -> Any:
    if name == "float":
        return np.asarray(args[0]).astype(dtype)
    if name == "select":
        return np.where(*args)
    if name in ("and", "or"):
        return (np.logical_and if name == "and" else np.logical_or).reduce(np.broadcast_arrays(*args))
    return function(name, dtype)(*args)
