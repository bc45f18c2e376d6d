"""The exact weight of a residual: slope / residual, and its limit where the residual is 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb, ctx

from lossgen.derive.residual import residual
from lossgen.errors import LossError
from lossgen.oracle.evaluate import Case, Oracle, Request, Truth
from lossgen.oracle.series import Ball
from lossgen.spec.model import Program

# Residuals so near to 0 that the weight is its limit to many digits, or grows from the first to the second.
_NEAR = (2.0**-900, 2.0**-1000)
_BITS = 512
# Asks for a relative error: no number of this type is subnormal.
_RELATIVE = np.longdouble


class Weights(Oracle):
    """An oracle that also knows ``irls``, for losses of one residual."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        found = residual(program)
        self.names: tuple[str, str] = found.x.tensor.name, found.y.tensor.name

    def truth(
        self, case: Case, request: Request, dtype: Any = np.float64, moves: Mapping[Any, Any] | None = None
    ) -> Truth:
        """Return the certified result of a request at a sample; see `Oracle.truth`."""
        if request.kind != "irls":
            return super().truth(case, request, dtype, moves)
        x, y = (float(case.inputs[name][()]) for name in self.names)
        if x != y:
            return self._weight(case, request, x, y, moves)
        first, second = (self._weight(self._apart(case, r), request, r, 0.0, moves) for r in _NEAR)
        if first.ball is None or second.ball is None:
            return first
        with ctx.workprec(_BITS):
            change = second.ball - first.ball
            if abs(change) <= abs(second.ball) * arb(2) ** -60 or not second.ball.is_finite():
                return second
            return Truth(arb("inf") if change > 0 else arb(0))

    def _weight(
        self, case: Case, request: Request, x: float, y: float, moves: Mapping[Any, Any] | None
    ) -> Truth:
        slope = super().truth(case, replace(request, kind="gradient"), _RELATIVE, moves)
        if slope.ball is None:
            return slope
        with ctx.workprec(_BITS):
            weight: Ball = slope.ball / (arb(x) - arb(y))
        return Truth(weight)

    def _apart(self, case: Case, r: float) -> Case:
        (x, y) = self.names
        return Case({**case.inputs, x: np.array(r), y: np.array(0.0)})


def oracle(program: Program) -> Oracle:
    """Return the oracle of a program that knows most."""
    try:
        return Weights(program)
    except LossError:
        return Oracle(program)
