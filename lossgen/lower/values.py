"""Expressions to values: where each shared or loop-invariant term is computed, and what the rest becomes
in place.
"""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction

import sympy as sp
from sympy.logic.boolalg import And, Boolean, Not, Or

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Delta, Detach, Reduction, Where
from lossgen.algebra.polynomials import polynomial
from lossgen.algebra.tensors import Element, Tensor, tensors
from lossgen.algebra.vocabulary import log1p, logshare, sigmoid, softplus
from lossgen.derive.model import Routine
from lossgen.errors import LossError
from lossgen.lower import arithmetic, ir, polynomials, reductions, sums
from lossgen.lower.constants import as_float, constant, integer, ordered
from lossgen.lower.extents import full_extent, perhaps_empty
from lossgen.lower.facts import Facts, indices_of, is_plain, tail
from lossgen.lower.indices import Indices
from lossgen.lower.names import Names, describe
from lossgen.lower.parts import full_size, lifted, log_total, shifted, total
from lossgen.lower.scopes import Scopes
from lossgen.lower.types import type_of

_COMPARISONS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_FUNCTIONS = {"Abs": "abs", "Max": "max", "Min": "min", "ceiling": "ceil", "Mod": "mod"}


class Lowering:
    """State of the lowering of one routine: scopes, names and what each tensor is stored in."""

    def __init__(self, routine: Routine, indices: Indices) -> None:
        self.routine = routine
        self.indices = indices
        self.facts = Facts(routine, indices)
        tensor_names = [t.name for t in (*routine.inputs, *routine.outputs)]
        self.names = Names([*tensor_names, *indices.reserved])
        self.scopes = Scopes()
        self.extents = dict(routine.extents)
        # Tensors that the running sweep both reads and writes: what depends on them is never moved or kept.
        self.volatile: frozenset[Tensor] = frozenset()
        # Scalar tensors held in accumulators, and scalar tensors that recurrences change, held in one-
        # entry arrays.
        self.running: dict[Tensor, str] = {}
        self.boxed: set[Tensor] = set()

    def float(self, expr: sp.Basic) -> ir.Expr:
        """Return `expr` as a floating-point value."""
        return as_float(self.value(expr))

    def value(self, expr: sp.Basic) -> ir.Expr:
        """Return `expr` in its own type, computed where it belongs and once if it is used again."""
        found = self.scopes.find(expr)
        if found is not None:
            return found
        if self._trivial(expr) or isinstance(expr, sp.core.relational.Relational):
            return self.build(expr)
        depth = self.home(expr)
        shared = self.facts.uses[expr] > 1 and not self._reads_best_in_place(expr)
        if isinstance(expr, Reduction) or not (shared or self.scopes.leaves_loop(depth)):
            return self.build(expr)
        return self.named(expr, depth)

    def named(self, expr: sp.Basic, depth: int) -> ir.Expr:
        """Compute `expr` in the scope at `depth`, under a name."""
        with self.scopes.within(depth):
            value = self.build(expr)
            if isinstance(value, ir.Var | ir.Const):
                return value
            return self.let(expr, value, describe(expr))

    def let(self, key: Hashable, value: ir.Expr, suggestion: str) -> ir.Var:
        """Define a name in the innermost scope and remember it as the value of `key`."""
        name = self.names.of(key, suggestion)
        variable = ir.Var(name, value.type)
        self.scopes.top.add(ir.Let(name, value.type, value))
        self.scopes.top.values[key] = variable
        return variable

    def home(self, expr: sp.Basic) -> int:
        """Return the depth at which `expr` is computed."""
        if self.volatile and tensors(expr) & self.volatile:
            return len(self.scopes.stack) - 1
        depth = self.scopes.home(indices_of(expr), self.facts.safe(expr))
        lazy = isinstance(expr, Reduction) and self.facts.uses[expr] <= 1
        # A loop that only one branch needs runs only there, unless moving it out saves repeating it.
        return len(self.scopes.stack) - 1 if lazy and not self.scopes.leaves_loop(depth) else depth

    def written(self, tensor: Tensor) -> None:
        """Forget every value that was computed from what `tensor` held before."""
        for key in self.scopes.computed():
            expr = key[1] if isinstance(key, tuple) else key
            if isinstance(expr, sp.Basic) and tensor in tensors(expr):
                self.scopes.forget(key)
                # The next value of the same expression is another one: it must not get the same name.
                self.names.retire(key)

    def _trivial(self, expr: sp.Basic) -> bool:
        if isinstance(expr, sp.Number | sp.NumberSymbol | Index | sp.logic.boolalg.BooleanAtom):
            return True
        if isinstance(expr, Element):
            return not expr.positions and expr.tensor not in self.boxed and expr.tensor not in self.running
        if isinstance(expr, sp.Mul) and len(expr.args) == 2 and expr.args[0] == -1:
            return self._trivial(expr.args[1])
        # Integer arithmetic on loop variables, extents and scalars costs nothing.
        simple = isinstance(expr, sp.Add | sp.Mul | sp.Mod | sp.floor) and type_of(expr) == "int"
        return simple and not any(e.positions for e in expr.atoms(Element)) and not expr.has(Reduction, Where)

    def _reads_best_in_place(self, expr: sp.Basic) -> bool:
        """Loads at loop variables, and those that only a branch may do: the compiler keeps them in
        registers anyway.
        """
        if isinstance(expr, sp.Mul) and len(expr.args) == 2 and expr.args[0] == -1:
            expr = expr.args[1]
        if not isinstance(expr, Element) or expr.tensor in self.volatile:
            return False
        return is_plain(expr) or not self.facts.safe(expr)

    def build(self, expr: sp.Basic) -> ir.Expr:
        """Return the operation for `expr` itself."""
        match expr:
            case sp.Integer():
                return ir.Const(Fraction(int(expr)), "int")
            case sp.Number() | sp.NumberSymbol():
                return constant(expr)
            case Index():
                return ir.Var(expr.name, "int")
            case Axis():
                return self.extent(expr)
            case Element():
                return self._element(expr)
            case sp.Add():
                return sums.add(self, expr)
            case sp.Mul():
                return arithmetic.multiply(self, expr)
            case sp.Pow():
                return arithmetic.power(self, expr)
            case Reduction():
                return reductions.reduce(self, expr)
            case Where():
                return self._choose(expr)
            case Detach():
                return self.value(expr.args[0])
            case Delta():
                equal = ir.Op("eq", (self.value(expr.args[0]), self.value(expr.args[1])), "bool")
                return ir.Op("select", (equal, integer(1), integer(0)), "int")
            case Boolean():
                return self._condition(expr)
            case sp.exp() if isinstance(expr.args[0], logshare) and reductions.is_pair(expr.args[0].args[1]):
                a, lse = expr.args[0].args
                return ir.Op("div", (self.float(sp.exp(lifted(a, lse))), self.float(total(lse))), "float")
            case logshare() if reductions.is_pair(expr.args[1]):
                a, lse = expr.args
                return ir.Op("sub", (self.float(shifted(a, lse)), self.float(log_total(lse))), "float")
            case logshare():
                return ir.Op("sub", (self.float(expr.args[0]), self.float(expr.args[1])), "float")
            case shifted():
                return ir.Op("sub", (self.float(expr.args[0]), reductions.peak(self, expr.args[1])), "float")
            case lifted():
                return ir.Op("sub", (self.float(expr.args[0]), reductions.shift(self, expr.args[1])), "float")
            case total():
                largest = ir.Op("lifted_exp", (reductions.peak(self, expr.args[0]),), "float")
                return ir.Op("add", (reductions.rest(self, expr.args[0]), largest), "float")
            case full_size():
                return self.size(expr.args[0])
            case log_total():
                return ir.Op("log1p", (reductions.rest(self, expr.args[0]),), "float")
            case softplus() if self.facts.uses[tail(expr)] > 1:
                return ir.Op(
                    "softplus_tail", (self.float(expr.args[0]), self.float(log1p(tail(expr)))), "float"
                )
            case sigmoid() if self.facts.uses[tail(expr)] > 1:
                return ir.Op("sigmoid_tail", (self.float(expr.args[0]), self.float(tail(expr))), "float")
            case log1p(args=(sp.exp() as grown,)) if grown.args[0].is_nonpositive:
                return ir.Op("log1p_unit", (self.float(grown),), "float")
            case polynomial():
                return polynomials.horner(self, expr)
            case sp.floor() if type_of(expr) == "int":
                return arithmetic.floor_divide(self, expr.args[0])
            case sp.Function() | sp.Max() | sp.Min() | sp.Mod():
                return self._function(expr)
        raise LossError(f"no rule lowers {type(expr).__name__}: {expr}")

    def _function(self, expr: sp.Expr) -> ir.Expr:
        name = _FUNCTIONS.get(type(expr).__name__, type(expr).__name__)
        kind = type_of(expr)
        args = [self.value(arg) if kind == "int" else self.float(arg) for arg in ordered(expr)]
        if name in ("max", "min"):
            folded = args[0]
            for arg in args[1:]:
                folded = ir.Op(name, (folded, arg), kind)
            return folded
        return ir.Op(name, tuple(args), kind)

    def _element(self, expr: Element) -> ir.Expr:
        tensor = expr.tensor
        kind = type_of(expr)
        if tensor in self.boxed:
            return ir.Load(tensor.name, (integer(0),), kind)
        if expr.positions:
            load: ir.Expr = ir.Load(tensor.name, tuple(self.value(p) for p in expr.positions), kind)
            loops = {scope.index.axis for scope in self.scopes.stack if scope.index is not None}
            for axis in perhaps_empty(expr, loops):
                # Along an empty axis nothing is largest: there is nothing to read.
                some = ir.Op("gt", (self.extent(axis), integer(0)), "bool")
                load = ir.Op("select", (some, load, ir.Const(Fraction(0), kind)), kind)
            return load
        if tensor in self.running:
            with self.scopes.within(0):
                return self.let(expr, ir.Finish(self.running[tensor], "value", kind), tensor.name)
        return ir.Var(tensor.name, kind)

    def _choose(self, expr: Where) -> ir.Expr:
        kind = type_of(expr)
        condition = self.value(expr.args[0])
        then, a = self.branch(expr.args[1], kind)
        otherwise, b = self.branch(expr.args[2], kind)
        return self._either(expr, kind, condition, (then, a), (otherwise, b))

    def branch(self, expr: sp.Basic, kind: ir.Type) -> tuple[tuple[ir.Stmt, ...], ir.Expr]:
        """Lower `expr` into statements that run only if it is wanted, and its value."""
        with self.scopes.open(barrier=True) as scope:
            value = self.float(expr) if kind == "float" else self.value(expr)
        return tuple(scope.statements), value

    def _either(
        self,
        key: sp.Basic,
        kind: ir.Type,
        condition: ir.Expr,
        then: tuple[tuple[ir.Stmt, ...], ir.Expr],
        otherwise: tuple[tuple[ir.Stmt, ...], ir.Expr],
    ) -> ir.Expr:
        if not then[0] and not otherwise[0]:
            return ir.Op("select", (condition, then[1], otherwise[1]), kind)
        name = self.names.of(key, describe(key))
        self.scopes.top.add(ir.Choose(name, kind, condition, *then, *otherwise))
        self.scopes.top.values[key] = ir.Var(name, kind)
        return ir.Var(name, kind)

    def _condition(self, expr: Boolean) -> ir.Expr:
        if expr in (sp.true, sp.false):
            return ir.Const(bool(expr), "bool")
        if isinstance(expr, Not):
            return ir.Op("not", (self.value(expr.args[0]),), "bool")
        if isinstance(expr, And | Or):
            return self._junction(expr)
        relation = getattr(expr, "rel_op", "")
        if relation not in _COMPARISONS:
            raise LossError(f"no rule lowers the condition {expr}")
        left, right = expr.args
        if type_of(left) == type_of(right) == "int":
            sides = (self.value(left), self.value(right))
        else:
            sides = (self.float(left), self.float(right))
        return ir.Op(_COMPARISONS[relation], sides, "bool")

    def _junction(self, expr: And | Or) -> ir.Expr:
        """Conditions that read at computed positions come last: those before them say whether they may."""
        both = isinstance(expr, And)
        name = "and" if both else "or"
        parts = sorted(expr.args, key=lambda part: (not self.facts.safe(part), sp.default_sort_key(part)))
        safe = [self.value(part) for part in parts if self.facts.safe(part)] or [self.value(parts[0])]
        first = ir.Op(name, tuple(safe), "bool") if len(safe) > 1 else safe[0]
        if len(safe) == len(parts):
            return first
        with self.scopes.open(barrier=True) as scope:
            others = tuple(self.value(part) for part in parts[len(safe) :])
        statements, value = (
            tuple(scope.statements),
            ir.Op(name, others, "bool") if len(others) > 1 else others[0],
        )
        if not statements:
            return ir.Op(name, (*safe, *others), "bool")
        known: tuple[tuple[ir.Stmt, ...], ir.Expr] = ((), ir.Const(not both, "bool"))
        branches = ((statements, value), known) if both else (known, (statements, value))
        return self._either(expr, "bool", first, *branches)

    def extent(self, axis: Axis) -> ir.Expr:
        """Return how many positions of `axis` this sample has, named once at the top of the kernel."""
        found = self.scopes.find(axis)
        if found is not None:
            return found
        with self.scopes.within(0):
            if axis in self.extents:
                value = self.value(self.extents[axis])
            elif axis.extent is not None:
                value = self.value(axis.extent)
            else:
                value = self.size(axis)
            return self.let(axis, value, axis.name)

    def size(self, axis: Axis) -> ir.Expr:
        """Return the full extent of `axis`, from the shapes of the arguments alone."""
        return full_extent(axis, self.routine.inputs)
