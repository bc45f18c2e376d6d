"""Forward derivatives: the change of an expression along given changes of tensors."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element, Tensor
from lossgen.algebra.vocabulary import gap, gated, logshare, quotient, signpow
from lossgen.derive.differentiate import norm_slope, share_slope
from lossgen.derive.slope import Slope


def tangent(expr: sp.Expr, along: Mapping[Tensor, Tensor]) -> sp.Expr:
    """Return the derivative of `expr` as each tensor in `along` moves by its tangent tensor."""
    return _Tangent(along)(expr)


class _Tangent(Slope):
    def __init__(self, along: Mapping[Tensor, Tensor]) -> None:
        super().__init__()
        self.along = along

    def _moves(self, expr: sp.Expr) -> bool:
        return any(tensor in self.along for tensor in expr.atoms(Tensor))

    def _element(self, expr: Element) -> sp.Expr:
        moved = self.along.get(expr.tensor)
        return sp.S.Zero if moved is None else Element(moved, *expr.positions)

    def _special(self, expr: sp.Expr) -> sp.Expr | None:
        if isinstance(expr, logshare) and isinstance(expr.args[1], Reduction):
            return share_slope(self, *expr.args)
        if _is_share_of_norm(expr):
            norm = expr.args[1]
            return Where(sp.Eq(norm, 0), 0, self._across(*expr.args) / norm)
        if isinstance(expr, signpow) and _is_share_of_norm(expr.args[0]):
            # The power of the share may overflow one degree lower, so what is left is relative to the part.
            part, norm = expr.args[0].args
            relative = gated(expr, self._across(part, norm) / part)
            return expr.args[1] * Where(sp.Or(sp.Eq(norm, 0), sp.Eq(part, 0)), 0, relative)
        return None

    def _across(self, part: sp.Expr, norm: Reduction) -> sp.Expr:
        """Tangent of ``part / norm`` times the norm: the move across the vector, less its mean along it.

        A move along the vector itself changes no direction, so one is taken off that brings the largest part
        to rest; else the largest part would be left with the difference of two nearly equal numbers.
        """
        index, body = norm.open()
        moved = self(body)
        largest = {index: Reduction("argmax", sp.Abs(body), index)}
        rest, pivot = moved.xreplace(largest), body.xreplace(largest)
        mean = Reduction("sum", norm_slope(body, norm) * gap(moved, rest * quotient(body, pivot)), index)
        return gap(self(part), rest * quotient(part, pivot)) - quotient(part, norm) * mean

    def _reduction(self, expr: Reduction) -> sp.Expr:
        index, body = expr.open()
        moved = self(body)
        if moved == 0:
            return sp.S.Zero
        if expr.op == "sum":
            return Reduction("sum", moved, index)
        if expr.op == "lse":
            return Reduction("sum", sp.exp(logshare(body, expr)) * moved, index)
        if expr.op == "norm":
            return Where(sp.Eq(expr, 0), 0, Reduction("sum", norm_slope(body, expr) * moved, index))
        if expr.op in ("max", "min"):
            return moved.xreplace({index: Reduction(f"arg{expr.op}", body, index)})
        return sp.S.Zero


def _is_share_of_norm(expr: sp.Expr) -> bool:
    return (
        isinstance(expr, quotient) and isinstance(expr.args[1], Reduction) and bool(expr.args[1].op == "norm")
    )
