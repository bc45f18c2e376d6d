"""The nodes keep apart what SymPy's own Sum, Indexed, KroneckerDelta and Piecewise mix up; each failure of
those is shown.
"""

from __future__ import annotations

import pickle

import pytest
import sympy as sp

from lossgen.algebra.axes import Axis, Index, fresh
from lossgen.algebra.nodes import Delta, Detach, Reduction, Where, condition, replace_index
from lossgen.algebra.tensors import Element, Tensor, elements, tensors

N, C = Axis("N"), Axis("C")
i, j = Index("i", C), Index("j", C)
x = Tensor("x", (C,), role="pred")
m = Tensor("m", (N, C), role="pred")
k = Tensor("k", (), dtype="int", role="class")[()]


def total(body: sp.Expr, index: Index) -> sp.Expr:
    return Reduction("sum", body, index)


# What SymPy does, so that a future version that does better is noticed.


def test_sympy_differentiates_a_sum_by_its_own_index_wrongly() -> None:
    a, n, extent = sp.IndexedBase("a"), sp.Symbol("n", integer=True), sp.Symbol("N", integer=True)
    assert sp.Sum(a[n], (n, 0, extent - 1)).diff(a[n]).doit() == extent  # truth: 1


def test_sympy_captures() -> None:
    a, s, t = sp.IndexedBase("a"), sp.Symbol("s"), sp.Symbol("t")
    captured = sp.Sum(a[s] * t, (s, 0, 3)).subs(t, s)
    assert captured.free_symbols.isdisjoint({s})  # the free s is gone


# What the own nodes do.


def test_bound_names_do_not_matter() -> None:
    assert total(sp.exp(x[i]), i) == total(sp.exp(x[j]), j)
    assert hash(total(x[i] ** 2, i)) == hash(total(x[j] ** 2, j))
    nested = total(total(x[i] * x[j], j) ** 2, i)
    assert nested == total(total(x[j] * x[i], i) ** 2, j)


def test_substitution_does_not_capture() -> None:
    expr = total(x[i] * m[Index("n", N), j], i)
    moved = replace_index(expr, j, i)
    assert i in moved.free_symbols
    assert moved == total(x[j] * m[Index("n", N), i], j)
    assert expr.xreplace({j: i}) == moved


def test_bound_index_is_not_free_and_is_not_replaced() -> None:
    expr = total(x[i], i)
    assert C in expr.free_symbols
    assert expr.index not in expr.free_symbols
    assert i not in expr.free_symbols
    assert replace_index(expr, i, sp.S.Zero) == expr
    assert replace_index(expr, expr.index, sp.S.Zero) == expr


def test_body_at_a_position() -> None:
    expr = Reduction("lse", x[i] - total(x[j], j), i)
    assert expr.at(k) == x[k] - total(x[j], j)
    index, body = expr.open()
    assert index in body.free_symbols
    assert Reduction("lse", body, index) == expr


def test_common_subexpressions_keep_their_binder() -> None:
    """An inner sum inside an outer one over the same axis has another bound name."""
    inner = Reduction("lse", x[j], j)
    outer = total(x[i] - inner, i)
    assert outer.height == inner.height + 1
    assert outer.index != inner.index
    assert outer.body.has(inner)


def test_constant_bodies() -> None:
    a = Tensor("a")[()]
    assert total(a, i) == C * a
    assert Reduction("max", a, i) == a
    assert Reduction("argmax", a, i) == 0
    assert Reduction("lse", a, i) == a + sp.log(C)
    assert Reduction("norm", a, i) == sp.Abs(a) * sp.sqrt(C)


def test_unknown_reduction() -> None:
    with pytest.raises(ValueError, match="unknown reduction 'product'; known: sum"):
        Reduction("product", x[i], i)


def test_reduction_facts() -> None:
    p = Tensor("p", (C,), domain="positive")
    assert total(p[i], i).is_positive
    assert Reduction("max", p[i], i).is_positive
    assert Reduction("norm", x[i], i).is_nonnegative
    assert Reduction("argmax", x[i], i).is_integer
    assert total(x[i], i).is_real
    assert total(x[i], i).is_positive is None


def test_sympy_sign_analysis_does_not_look_inside() -> None:
    """Asked for the sign of such a sum, SymPy would differentiate by the extent, the only symbol it sees."""
    expr = 1 - total(x[i], i) / C + Reduction("lse", x[i], i)
    assert expr.is_positive is None
    assert expr.is_zero is None


def test_delta() -> None:
    assert Delta(i, i) == 1
    assert Delta(i, i + 1) == 0
    assert Delta(i, j) == Delta(j, i)
    assert Delta(i, k) ** 1 == Delta(k, i)
    assert replace_index(Delta(i, j), j, i) == 1
    assert Delta(i, j).is_nonnegative


def test_where_evaluates_what_is_known() -> None:
    a, b = Tensor("a")[()], Tensor("b")[()]
    assert Where(sp.true, a, b) == a
    assert Where(sp.false, a, b) == b
    assert Where(a > 0, b, b) == b
    kept = Where(a > 0, a, b)
    assert kept.args == (a > 0, a, b)
    assert kept.is_real
    assert kept.is_positive is None


def test_detach_keeps_signs_and_drops_out_of_numbers() -> None:
    p = Tensor("p", domain="positive")[()]
    assert Detach(p).is_positive
    assert Detach(sp.Integer(3)) == 3


def test_condition_refuses_python_truth() -> None:
    a, b = Tensor("a")[()], Tensor("b")[()]
    with pytest.raises(TypeError, match="write Eq"):
        condition(a == b)
    with pytest.raises(TypeError, match="write Eq"):
        condition(True)
    assert condition(sp.Eq(a, b)) == sp.Eq(a, b)
    assert condition(sp.true) == sp.true


def test_iterating_a_tensor_or_element_ends() -> None:
    for thing in (x, x[i]):
        with pytest.raises(TypeError):
            iter(thing)
        with pytest.raises(TypeError):
            _ = i in thing


def test_wrong_number_of_indices() -> None:
    with pytest.raises(IndexError, match="has 2 axes"):
        m[i]


def test_elements_and_tensors() -> None:
    expr = total(x[i] * m[Index("n", N), i], i) + Where(sp.Eq(k, 0), 1, x[k])
    assert tensors(expr) == {x, m, k.tensor}
    assert x[k] in elements(expr)
    assert {e.tensor for e in elements(expr)} == {x, m, k.tensor}


def test_elements_know_their_domain() -> None:
    def entry(domain: str) -> Element:
        return Tensor("a", domain=domain)[()]

    assert entry("positive").is_positive
    assert entry("unit").is_nonnegative
    assert entry("unit").is_positive is None
    assert entry("sign").is_zero is False
    assert entry("real").is_real
    assert sp.log(sp.exp(entry("real"))) == entry("real")


def test_fresh_indices_differ() -> None:
    assert fresh(C) != fresh(C)
    assert fresh(C).axis == C


def test_pickling() -> None:
    expr = total(Where(sp.Gt(x[i], 0), x[i], 0) * Delta(i, k), i)
    assert pickle.loads(pickle.dumps(expr)) == expr
