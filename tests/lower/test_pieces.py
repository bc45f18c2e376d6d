"""Which loops run in blocks, and why others cannot."""

import pytest
import sympy as sp
from sympy import exp

from lossgen.algebra.axes import Axis, fresh
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Tensor
from lossgen.derive.model import Routine
from lossgen.lower import ir, lower
from lossgen.lower.pieces import in_blocks, whole
from lossgen.spec.model import Assign, Sort, Stage, Sweep

C, D = Axis("C"), Axis("D")
x = Tensor("x", (C,), role="pred")
a = Tensor("a", (C, D), role="pred")
b = Tensor("b", (C, D), role="pred")
p = Tensor("p", role="param")
weight = Tensor("weight", role="weight")
running = Tensor("run", (C,))
c, k = fresh(C), fresh(C)


def loops(function: ir.Function) -> list[ir.Loop]:
    return [s for s in ir.statements(function.body) if isinstance(s, ir.Loop)]


def swept(*stages: Stage, results: tuple[sp.Expr, ...] = ()) -> ir.Function:
    out = Tensor("grad_x", (C,), role="output")
    last = Sweep((c,), (Assign(out[c], x[c]),))
    return lower(Routine("gradient", (x, p, weight), (out,), (*stages, last), results))


def test_a_loop_in_a_branch_runs_in_blocks() -> None:
    function = lower(
        Routine("value", (x, p, weight), (), (), (Where(p[()] > 0, Reduction("sum", exp(x[c]), c), 0),))
    )
    assert not any(isinstance(s, ir.Loop) for s in function.body)
    assert whole(function) is None
    assert [loop.blocks for loop in loops(in_blocks(function))] == [True]


def test_inner_loops_do_not() -> None:
    d = fresh(D)
    total = Reduction("sum", exp(Reduction("sum", a[c, d], d)), c)
    function = in_blocks(lower(Routine("value", (a, weight), (), (), (total,))))
    assert [loop.blocks for loop in loops(function)] == [True, False]


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (
            Sweep((c,), (Assign(running[c], x[c] + Where(c > 0, running[c - 1], 0)),)),
            "`run` is a recurrence",
        ),
        (Sort(Tensor("order", (C,), "int"), k, x[k]), "`order` sorts the whole sample"),
        (
            Sweep((c,), (Assign(Tensor("bin", (C,))[C - 1 - c], x[c], add=True),)),
            "`bin` is stored at positions that several steps may share",
        ),
    ],
    ids=["recurrence", "sort", "scatter"],
)
def test_what_couples_blocks_is_named(stage: Stage, reason: str) -> None:
    function = swept(stage)
    said = whole(function)
    assert said is not None
    assert said.startswith(reason)
    assert in_blocks(function) == function
    assert whole(swept()) is None


def test_sums_into_two_tensors_are_owned_by_their_rows() -> None:
    """Blocks of rows of either tensor may run apart, and each entry adds its terms in the same order."""
    d = fresh(D)
    outputs = tuple(Tensor(f"grad_{t.name}", (C, D), role="output") for t in (a, b))
    pair = Sweep(
        (c, k, d),
        (
            Assign(outputs[0][c, d], b[k, d] * p[()], add=True),
            Assign(outputs[1][k, d], a[c, d] * p[()], add=True),
        ),
    )
    function = lower(Routine("gradient", (a, b, p, weight), outputs, (pair,), ()))
    assert whole(function) is None
    stored = [
        (loop.index, s.positions[0])
        for loop in function.body
        if isinstance(loop, ir.Loop)
        for s in ir.statements(loop.body)
        if isinstance(s, ir.Store)
    ]
    assert len(stored) == 2
    assert all(position == ir.Var(index, "int") for index, position in stored)
