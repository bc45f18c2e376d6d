"""Where values are computed, and which loops become one."""

import pytest
import sympy as sp
from sympy import Eq, exp

from lossgen.algebra.axes import Axis, fresh
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Tensor
from lossgen.algebra.vocabulary import sigmoid, softplus
from lossgen.derive.model import Routine
from lossgen.lower import ir, lower, passes_over
from lossgen.spec.model import Assign, Sweep

C, D = Axis("C"), Axis("D")
x = Tensor("x", (C,), role="pred")
y = Tensor("y", (), "int", "class")
p = Tensor("p", (), role="param")
out = Tensor("out", (C,), role="output")
local = Tensor("local", (C,))
weight = Tensor("weight", role="weight")


def value(*results: sp.Expr) -> ir.Function:
    return lower(Routine("value", (x, y, p, weight), (), (), results))


def swept(expr: sp.Expr, c: sp.Symbol, *before: Sweep) -> ir.Function:
    steps = (*before, Sweep((c,), (Assign(out[c], expr),)))
    return lower(Routine("values", (x, y, p, weight), (out,), steps, ()))


def loops(function: ir.Function) -> list[ir.Loop]:
    return [s for s in function.body if isinstance(s, ir.Loop)]


def operations(body: tuple[ir.Stmt, ...], name: str) -> int:
    return sum(isinstance(e, ir.Op) and e.name == name for e in ir.expressions(body))


def sum_of(expr: object, index: sp.Symbol) -> sp.Expr:
    return Reduction("sum", expr, index)


def test_independent_reductions_share_a_loop() -> None:
    c = fresh(C)
    assert len(loops(value(sum_of(x[c], c) + Reduction("max", x[c], c)))) == 1


def test_dependent_reductions_do_not() -> None:
    c, k = fresh(C), fresh(C)
    assert len(loops(value(sum_of(exp(x[c] - Reduction("max", x[k], k)), c)))) == 2


def test_reduction_joins_an_independent_sweep() -> None:
    c, k = fresh(C), fresh(C)
    routine = Routine(
        "gradient", (x, weight), (out,), (Sweep((c,), (Assign(out[c], exp(x[c])),)),), (sum_of(exp(x[k]), k),)
    )
    function = lower(routine)
    assert passes_over(function, "x") == 1
    # exp(x[c]) is in both and computed once.
    assert operations(function.body, "exp") == 1


def test_sweep_that_reads_shifted_entries_waits() -> None:
    c, k = fresh(C), fresh(C)
    first = Sweep((k,), (Assign(local[k], exp(x[k])),))
    assert len(loops(swept(local[c] + x[c], c, first))) == 1
    assert len(loops(swept(local[C - 1 - c] + x[c], c, first))) == 2


def test_invariant_terms_leave_the_loop() -> None:
    c = fresh(C)
    function = swept(exp(p[()]) * x[c], c)
    assert operations(function.body, "exp") == 1
    assert not any(operations(loop.body, "exp") for loop in loops(function))


def test_inner_reduction_moves_out_of_loops_it_does_not_depend_on() -> None:
    c, k = fresh(C), fresh(C)
    assert len(loops(swept(x[c] / sum_of(x[k], k), c))) == 2
    assert all(
        not isinstance(s, ir.Loop) for loop in loops(swept(x[c] / sum_of(x[k], k), c)) for s in loop.body
    )


def test_class_position_becomes_one_store_after_the_loop() -> None:
    c = fresh(C)
    function = swept(Where(Eq(c, y[()]), p[()] - x[y[()]], x[c]), c)
    (loop,) = loops(function)
    assert operations(loop.body, "select") == operations(loop.body, "eq") == 0
    last = function.body[-1]
    assert isinstance(last, ir.Store)
    assert last.positions == (ir.Var("y", "int"),)


def test_unchecked_position_stays_in_the_loop() -> None:
    c, position = fresh(C), Tensor("k", (), "int", "target")
    steps = (Sweep((c,), (Assign(out[c], Where(Eq(c, position[()]), p[()], x[c])),)),)
    function = lower(Routine("values", (x, position, p, weight), (out,), steps, ()))
    assert not [s for s in function.body if isinstance(s, ir.Store)]


def test_guarded_entry_is_not_read_outside_its_branch() -> None:
    c = fresh(C)
    entry = Where(c >= 1, x[c - 1], 0)
    function = swept(entry * entry + exp(entry), c)
    (loop,) = loops(function)
    unguarded = [
        e
        for e in ir.expressions(loop.body)
        if isinstance(e, ir.Load) and e.positions != (ir.Var("c", "int"),)
    ]
    selects = [e for e in ir.expressions(loop.body) if isinstance(e, ir.Op) and e.name == "select"]
    assert len(selects) == 1
    assert unguarded == [selects[0].args[1]]


def test_reduction_of_one_branch_runs_in_that_branch() -> None:
    c = fresh(C)
    function = value(Where(p[()] > 0, sum_of(exp(x[c]), c), 0))
    assert not loops(function)
    (choice,) = [s for s in function.body if isinstance(s, ir.Choose)]
    assert any(isinstance(s, ir.Loop) for s in choice.then)


def test_logistic_functions_of_both_signs_share_exp() -> None:
    c = fresh(C)
    both = softplus(x[c]) * sigmoid(x[c]) + softplus(-x[c]) * sigmoid(-x[c])
    function = swept(both, c)
    assert operations(function.body, "exp") == operations(function.body, "log1p_unit") == 1
    names = [s.name for s in ir.statements(function.body) if isinstance(s, ir.Let)]
    assert "exp_neg_abs_x" in names


def test_names_do_not_depend_on_running_numbers() -> None:
    texts = []
    for _ in range(2):
        c, k = fresh(C), fresh(C)
        texts.append(str(swept(x[c] / sum_of(exp(x[k]), k) + sum_of(x[k] ** 2, k), c)))
        for _ in range(97):
            fresh(C)
    assert texts[0] == texts[1]


@pytest.mark.parametrize(("expr", "count"), [(p[()] ** 2, 1), (p[()] ** 4, 3), (p[()] ** 3 * 2, 3)])
def test_small_powers_are_products(expr: sp.Expr, count: int) -> None:
    function = value(expr)
    assert (
        sum(isinstance(e, ir.Op) and e.name == "mul" for v in function.returns for e in ir.subexpressions(v))
        == count
    )


def test_scale_is_applied_before_large_factors() -> None:
    scale = Tensor("scale0", role="scale")
    function = lower(Routine("value", (p, weight, scale), (), (), (2 * p[()] ** 2 * weight[()] * scale[()],)))
    (product,) = function.returns
    assert isinstance(product, ir.Op)
    parts = list(ir.subexpressions(product))
    # The deepest product is 2 * scale: nothing that could overflow comes before it.
    deepest = [e for e in parts if isinstance(e, ir.Op) and not any(isinstance(a, ir.Op) for a in e.args)]
    assert [e.args[1] for e in deepest] == [ir.Var("scale0", "float")]


def test_passes_of_a_scalar() -> None:
    z = Tensor("z", role="pred")
    assert passes_over(lower(Routine("value", (z, weight), (), (), (z[()] * weight[()],))), "z") == 1
