"""The checker refuses every illegal shape; each case is a legal kernel with one thing broken."""

from dataclasses import replace
from fractions import Fraction

import pytest

from lossgen.lower import ir
from lossgen.lower.check import IRError, check

C = ir.Var("C", "int")
c = ir.Var("c", "int")
ENTRY = ir.Load("x", (c,), "float")
ONE = ir.Const(Fraction(1), "float")
ZERO = ir.Const(Fraction(0), "int")


def legal(*loop_body: ir.Stmt, after: tuple[ir.Stmt, ...] = ()) -> ir.Function:
    return ir.Function(
        "case",
        (
            ir.Argument("x", "float", 1, "pred"),
            ir.Argument("w", "float", 0, "weight"),
            ir.Argument("g", "float", 1, "output"),
        ),
        (ir.Array("order", "int", (ir.Size("x", 0),)),),
        (
            ir.Let("C", "int", ir.Size("x", 0)),
            ir.Accumulator("acc", "sum", "float"),
            ir.Loop("c", C, loop_body or (ir.Update("acc", "sum", ENTRY),)),
            *after,
        ),
        (ir.Finish("acc", "value", "float"),),
        1,
        (),
        ("g",),
    )


def test_legal_kernel_passes() -> None:
    assert check(legal()) == legal()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (legal(ir.Update("acc", "max", ENTRY)), "not what was opened"),
        (legal(ir.Update("acc", "sum", ir.Var("y", "float"))), "before it is defined"),
        (legal(ir.Update("acc", "sum", ir.Load("y", (c,), "float"))), "undeclared array"),
        (legal(ir.Update("acc", "sum", ir.Load("x", (ONE,), "float"))), "not an integer"),
        (legal(ir.Update("acc", "sum", ir.Load("x", (c, c), "float"))), "1 dimensions, got 2"),
        (legal(ir.Update("acc", "sum", ir.Op("add", (ENTRY, c), "float"))), "add"),
        (legal(ir.Update("acc", "sum", ir.Op("div", (c, c), "int"))), "div"),
        (legal(ir.Update("acc", "sum", ir.Op("select", (ONE, ENTRY, ONE), "float"))), "select"),
        (legal(ir.Update("acc", "sum", ir.Op("sub", (ENTRY,), "float"))), "1 arguments"),
        (legal(ir.Update("acc", "sum", ENTRY, c)), "position"),
        (legal(ir.Store("x", (c,), ONE)), "no output and no workspace"),
        (legal(ir.Store("g", (c,), c)), "store of int"),
        (legal(ir.Store("order", (c,), ONE)), "store of float"),
        (legal(ir.Let("C", "int", ZERO)), "defined twice"),
        (legal(ir.Loop("c", C, ())), "defined twice"),
        (legal(ir.Skip(ir.Const(True, "bool"), ())), "a skip inside"),
        (legal(after=(ir.Let("late", "int", c),)), "outside its loop"),
        (legal(after=(ir.If(ONE, ()),)), "not a truth value"),
        (legal(after=(ir.Let("a", "int", ONE),)), "that is not int"),
        (
            legal(after=(ir.Choose("a", "float", ir.Const(True, "bool"), (), ONE, (), ZERO),)),
            "a branch of `a`",
        ),
        (legal(after=(ir.Accumulator("acc", "sum", "float"),)), "opened twice"),
        (legal(after=(ir.Sort("order", "order", C, False),)), "no sort key"),
        (legal(after=(ir.Fill("w"),)), "fill of `w`"),
        (replace(legal(), returns=(ir.Finish("other", "value", "float"),)), "unknown accumulator"),
        (replace(legal(), workspace=(ir.Array("x", "float", (ZERO,)),)), "two arguments of one name"),
        (replace(legal(), workspace=(ir.Array("order", "int", (ir.Size("x", 1),)),)), "no dimension 1"),
    ],
)
def test_illegal_kernels_are_refused(broken: ir.Function, message: str) -> None:
    with pytest.raises(IRError, match=message):
        check(broken)


def _blocks(*body: ir.Stmt) -> ir.Function:
    function = legal(*body)
    marked = (replace(s, blocks=True) if isinstance(s, ir.Loop) else s for s in function.body)
    return replace(function, body=tuple(marked))


def test_blocks_that_only_accumulate_and_store_their_own_pass() -> None:
    check(_blocks(ir.Update("acc", "sum", ENTRY), ir.Store("g", (c,), ENTRY)))


@pytest.mark.parametrize(
    "body",
    [
        (ir.Store("g", (c,), ir.Load("g", (ir.Op("sub", (c, c), "int"),), "float")),),
        (ir.Store("g", (ZERO,), ENTRY, add=True),),
        (ir.Fill("g"),),
        (ir.Update("acc", "sum", ENTRY), ir.Store("g", (c,), ir.Finish("acc", "value", "float"))),
    ],
    ids=["recurrence", "shared entry", "whole array", "cumulative sum"],
)
def test_coupled_blocks_are_refused(body: tuple[ir.Stmt, ...]) -> None:
    check(legal(*body))
    with pytest.raises(IRError, match="blocks of loop `c` are not independent"):
        check(_blocks(*body))


def test_blocks_inside_a_loop_are_refused() -> None:
    inner = ir.Loop("d", C, (ir.Update("acc", "sum", ENTRY),), blocks=True)
    with pytest.raises(IRError, match="a loop in blocks inside another loop"):
        check(legal(inner))
