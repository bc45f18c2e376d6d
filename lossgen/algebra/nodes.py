"""Expression nodes that SymPy lacks: choice, Kronecker delta, detach, reductions over an axis.

SymPy's own Sum, Indexed, KroneckerDelta and Piecewise are not used: differentiating and substituting in them
returned wrong results silently (tests/algebra shows the cases).
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.symbol import Str
from sympy.logic.boolalg import Boolean, BooleanAtom

from lossgen.algebra.axes import Axis, Index, fresh

REDUCTIONS = ("sum", "max", "min", "argmax", "argmin", "lse", "norm")


class OwnNode(sp.Expr):
    """Base of the nodes that SymPy must not look into."""

    is_commutative = True


class Where(OwnNode):
    """``Where(condition, a, b)``: `a` where the condition holds, else `b`; the branch not taken is never
    looked at.
    """

    def __new__(cls, condition: Any, a: Any, b: Any) -> sp.Expr:
        condition, a, b = sp.sympify(condition), sp.sympify(a), sp.sympify(b)
        if condition == sp.true or a == b:
            return a
        if condition == sp.false:
            return b
        return sp.Expr.__new__(cls, condition, a, b)

    def _eval_is_real(self) -> bool | None:
        return True if self.args[1].is_extended_real and self.args[2].is_extended_real else None

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.args[1].is_extended_real and self.args[2].is_extended_real else None

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[1].is_positive and self.args[2].is_positive else None

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.args[1].is_nonnegative and self.args[2].is_nonnegative else None

    def _eval_is_integer(self) -> bool | None:
        return True if self.args[1].is_integer and self.args[2].is_integer else None


class Delta(OwnNode):
    """Kronecker delta of two integer expressions, in canonical order."""

    is_integer = True
    is_real = True
    is_nonnegative = True

    def __new__(cls, i: Any, j: Any) -> sp.Expr:
        i, j = sp.sympify(i), sp.sympify(j)
        difference = i - j
        if difference == 0:
            return sp.S.One
        if difference.is_number:
            return sp.S.Zero
        return sp.Expr.__new__(cls, *sorted((i, j), key=sp.default_sort_key))


class Detach(OwnNode):
    """The value of its argument, a constant to every derivative."""

    is_real = True

    def __new__(cls, expr: Any) -> sp.Expr:
        expr = sp.sympify(expr)
        return expr if expr.is_number else sp.Expr.__new__(cls, expr)

    def _eval_is_positive(self) -> bool | None:
        positive: bool | None = self.args[0].is_positive
        return positive

    def _eval_is_nonnegative(self) -> bool | None:
        nonnegative: bool | None = self.args[0].is_nonnegative
        return nonnegative


class Reduction(OwnNode):
    """``Reduction(op, body, index)`` over the whole axis of `index`, which is bound and canonically renamed.

    The bound index is named by the height of its binder, so alpha-equal reductions are equal objects. No free
    index ever bears such a name (`open` hands out fresh ones), therefore SymPy's `xreplace` cannot capture.

    `op` is one of `REDUCTIONS`: ``lse`` is log(sum(exp)), ``norm`` is sqrt(sum of squares) or, with a
    `power`, sum(abs**power)**(1/power), ``argmax`` the first position of the maximum.
    """

    def __new__(cls, op: Any, body: Any, index: Index, power: sp.Expr | None = None) -> sp.Expr:
        name, body = str(op), sp.sympify(body)
        if name not in REDUCTIONS:
            raise ValueError(f"unknown reduction {name!r}; known: {', '.join(REDUCTIONS)}")
        if index not in body.free_symbols:
            return _reduce_constant(name, body, index.axis, power)
        height = 1 + max((node.height for node in body.atoms(Reduction)), default=0)
        bound = Index(f"{index.axis.name.lower()}_{height}", index.axis)
        others = () if power is None else (power,)
        body = replace_index(body, index, bound)
        reduction: Reduction = sp.Expr.__new__(cls, Str(name), body, bound, *others)
        return reduction

    @property
    def op(self) -> str:
        return str(self.args[0])

    @property
    def body(self) -> sp.Expr:
        return self.args[1]

    @property
    def index(self) -> Index:
        index: Index = self.args[2]
        return index

    @property
    def power(self) -> sp.Expr | None:
        """Power of a norm; None for the Euclidean one and for everything else."""
        return self.args[3] if len(self.args) > 3 else None

    @property
    def height(self) -> int:
        return int(self.index.name.rsplit("_", 1)[1])

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        outer = set().union(*(arg.free_symbols for arg in self.args[3:]))
        return (self.body.free_symbols - {self.index}) | self.index.axis.free_symbols | outer

    def open(self) -> tuple[Index, sp.Expr]:
        """Return a fresh index and the body written with it."""
        index = fresh(self.index.axis)
        return index, replace_index(self.body, self.index, index)

    def at(self, position: sp.Expr) -> sp.Expr:
        """Return the body at `position`."""
        return replace_index(self.body, self.index, position)

    def _eval_is_real(self) -> bool | None:
        return True if self.body.is_extended_real else None

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.body.is_extended_real else None

    def _eval_is_integer(self) -> bool | None:
        return True if self.op.startswith("arg") else None

    def _eval_is_positive(self) -> bool | None:
        return True if self.op in ("sum", "max", "min") and self.body.is_positive else None

    def _eval_is_nonnegative(self) -> bool | None:
        return (
            True
            if self.op == "norm" or (self.op in ("sum", "max", "min") and self.body.is_nonnegative)
            else None
        )

    def _sympystr(self, printer: Any) -> str:
        power = "" if self.power is None else f"; {printer._print(self.power)}"
        return f"{self.op}[{self.index}]({printer._print(self.body)}{power})"


def _reduce_constant(op: str, body: sp.Expr, axis: Axis, power: sp.Expr | None) -> sp.Expr:
    if op == "sum":
        return body * axis
    if op == "lse":
        return body + sp.log(axis)
    if op == "norm":
        return sp.Abs(body) * axis ** (sp.S.Half if power is None else 1 / power)
    return sp.S.Zero if op.startswith("arg") else body


def replace_index(expr: sp.Expr, old: Index, new: sp.Expr) -> sp.Expr:
    """Replace the free occurrences of index `old` by `new`."""
    if old not in expr.free_symbols:
        return expr
    if isinstance(expr, Reduction) and expr.index == old:
        return expr
    if expr == old:
        return new
    return expr.func(*(replace_index(arg, old, new) if old in arg.free_symbols else arg for arg in expr.args))


def condition(value: Any) -> Boolean:
    """Return `value` as a SymPy condition; a Python bool is an error (`==` on expressions is structural)."""
    if isinstance(value, Boolean | BooleanAtom):
        return value
    raise TypeError(
        f"the condition must be a SymPy relation, got {value!r}; "
        "write Eq(a, b) or Ne(a, b) instead of == or != (those compare structure)"
    )
