"""A polynomial with constant coefficients, kept in one node: as a sum it would be expanded and reordered."""

from __future__ import annotations

import sympy as sp


class polynomial(sp.Function):
    """``polynomial(w, c0, c1, ...)`` is c0 + c1*w + ..., computed by Horner's scheme."""

    def _eval_is_real(self) -> bool:
        return True

    def _eval_is_extended_real(self) -> bool:
        return True
