"""Sort keys lose what all entries share, and nothing else."""

from __future__ import annotations

import random
from typing import Any

import mpmath
import pytest
import sympy as sp

from lossgen.algebra.tensors import Tensor
from lossgen.spec.model import Program, Sort, Term
from lossgen.stabilize.keys import shorten_key
from lossgen.stabilize.lift import lift
from lossgen.stabilize.rule import AXIS, I, Q, T, U, V, X
from tests.stabilize.evaluate import DIGITS, HIGH, evaluate
from tests.stabilize.points import EXTENT, point

ORDER = Tensor("order", (AXIS,), "int")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (1 - V[I] * U[I], -V[I] * U[I]),
        (Q * V[I] + X, V[I]),
        (3 * (V[I] - T) / Q, V[I]),
        (X * V[I], X * V[I]),
        (-Q * V[I] - 2, -V[I]),
        (sp.Abs(V[I] - U[I]), sp.Abs(V[I] - U[I])),
        (1 + Q, 1 + Q),
    ],
    ids=str,
)
def test_key_sorts_alike(key: sp.Expr, expected: sp.Expr) -> None:
    stage = shorten_key(Sort(ORDER, I, key, descending=True))
    assert stage == Sort(ORDER, I, expected, descending=True)
    source = random.Random(3)
    with mpmath.workdps(DIGITS):
        for _ in range(10):
            values = point(sp.Tuple(key, V[I] + U[I]), source)
            assert sorted_by(key, values) == sorted_by(stage.key, values)


def sorted_by(key: sp.Expr, values: dict[str, Any]) -> list[int]:
    keys = [evaluate(key, values, HIGH, **{I.name: k}) for k in range(EXTENT)]
    return sorted(range(EXTENT), key=keys.__getitem__)


def test_lift_shortens_keys() -> None:
    lifted = lift(Program((), (Term(V[ORDER[0]]),), stages=(Sort(ORDER, I, 1 - V[I]),)))
    assert lifted.stages[0] == Sort(ORDER, I, -V[I])
