"""Derivatives come out split into branches, named and short, and equal to what went in."""

from __future__ import annotations

import random
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Delta, Reduction, Where
from lossgen.algebra.tensors import Tensor
from lossgen.derive.model import Routine
from lossgen.spec.model import Assign, Sweep
from lossgen.stabilize.clean import clean, clean_with_record, split_deltas
from tests.stabilize.evaluate import DIGITS, FLOAT, HIGH, evaluate

C = Axis("C")
c, j = Index("c", C), Index("j", C)
x = Tensor("x", (C,), "float", "pred")
w = Tensor("w", (C,), "float", "per_class", "positive")
k = Tensor("k", (), "int", "class")[()]
a = Tensor("a", (), "float", "pred")[()]
b = Tensor("b", (), "float", "pred")[()]
t = Tensor("t", (), "float", "target", "unit")[()]
r = Tensor("r", (), "float", "param", "nonnegative")[()]
s = Tensor("scale0", (), "float", "scale")[()]
out = Tensor("grad_x", (C,), "float", "output")
one = Tensor("grad_a", (), "float", "output")
L = Reduction("lse", x[j], j)


def share(position: Any) -> sp.Expr:
    return vo.logshare(x[position], L)


def routine(expr: sp.Expr, kind: str = "gradient") -> Routine:
    target = out[c] if c in expr.free_symbols else one[()]
    indices = (c,) if c in expr.free_symbols else ()
    return Routine(kind, (), (target.tensor,), (Sweep(indices, (Assign(target, expr),)),), (expr,))


def cleaned(expr: sp.Expr, kind: str = "gradient") -> sp.Expr:
    return clean(routine(expr, kind)).steps[0].body[0].expr


FORMS: dict[str, tuple[sp.Expr, sp.Expr]] = {
    "softmax minus one-hot": (
        s * w[k] * (sp.exp(share(c)) - Delta(c, k)),
        Where(sp.Eq(c, k), -s * w[k] * vo.omexp(share(k)), s * w[k] * sp.exp(share(c))),
    ),
    "entry and normaliser": (sp.exp(share(c) + L) * s, s * sp.exp(x[c])),
    "slope of softplus": (sp.exp(-vo.softplus(a)) * s, s * vo.sigmoid(-a)),
    "slope of tanh": (s * (1 - sp.tanh(a) ** 2), s * vo.sech2(a)),
    "power and slope": (s * vo.omexp(-r) ** r / vo.omexp(-r), vo.powered(s, vo.omexp(-r), r, -1)),
    "distributed number": (s * (2 * a - 2 * b) / 4, s * (a - b) / 2),
    "sum of weights": (
        s * Reduction("sum", sp.exp(share(c)) * w[j], j),
        s * sp.exp(share(c)) * Reduction("sum", w[j], j),
    ),
    "labels": (
        s * ((1 - t) * vo.sigmoid(a) * vo.sigmoid(-a) - t * vo.sigmoid(a) * vo.sigmoid(-a)),
        s * (1 - 2 * t) * vo.sigmoid(a) * vo.sigmoid(-a),
    ),
    "same condition": (
        s * Where(a > 0, a, b) + s * Where(a > 0, b, Where(a > 0, a, t)),
        Where(a > 0, s * (a + b), s * (b + t)),
    ),
    "mean of two softmaxes": (
        s * (sp.exp(share(k)) / 2 + sp.exp(vo.logshare(w[k], Reduction("lse", w[j], j))) / 2 - 1),
        s * (-vo.omexp(share(k)) / 2 - vo.omexp(vo.logshare(w[k], Reduction("lse", w[j], j))) / 2),
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_form(name: str) -> None:
    before, wanted = FORMS[name]
    got = cleaned(before)
    assert sp.expand(got - wanted) == 0 or got == wanted


@pytest.mark.parametrize("name", FORMS)
def test_value_is_kept(name: str) -> None:
    before, source = FORMS[name][0], random.Random(name)
    got = cleaned(before)
    with mpmath.workdps(DIGITS):
        for position in range(4):
            values = {
                "C": 4,
                "x": [source.uniform(-9, 9) for _ in range(4)],
                "w": [source.uniform(0.1, 9) for _ in range(4)],
                "k": source.randrange(4),
                "t": source.random(),
                "scale0": 1.5,
                "r": source.uniform(0.1, 3),
            } | {name: source.uniform(-9, 9) for name in "ab"}
            first, second = (evaluate(e, values, HIGH, c=position) for e in (before, got))
            assert abs(first - second) <= mpmath.mpf(10) ** -60 * max(1, abs(first))


@pytest.mark.parametrize("name", FORMS)
def test_cleaning_twice_changes_nothing(name: str) -> None:
    once = clean(routine(FORMS[name][0]))
    assert clean(once) == once


def test_certain_class_keeps_its_digits() -> None:
    """The gradient at the label is 1 - p for p next to 1: by subtraction it would be 0."""
    form = cleaned(s * (sp.exp(share(c)) - Delta(c, k)))
    values = {"C": 2, "x": [60.0, 0.0], "k": 0, "scale0": 1.0}
    with mpmath.workdps(DIGITS):
        truth = -1 / (1 + mpmath.exp(60))
    assert evaluate(form, values, FLOAT, c=0) == pytest.approx(float(truth), rel=1e-14)


def test_delta_inside_a_sum_over_its_index_is_left_alone() -> None:
    expr = Reduction("sum", Delta(j, k) * x[j], j)
    assert split_deltas(expr) == expr


def test_two_deltas() -> None:
    other = Tensor("o", (), "int", "class")[()]
    expr = split_deltas(Delta(c, k) * a + Delta(c, other) * b)
    assert not expr.has(Delta)
    for position in range(3):
        values = {"C": 3, "k": 1, "o": 2, "a": 3.0, "b": 5.0}
        assert evaluate(expr, values, FLOAT, c=position) == {0: 0.0, 1: 3.0, 2: 5.0}[position]


def test_values_are_rationalised_and_gradients_are_not() -> None:
    q = Tensor("q", (), "float", "param", "positive")[()]
    expr = vo.hypot(a, q) - q
    done = clean(routine(expr))
    assert done.results[0] == vo.sqdiv(a, vo.hypot(a, q) + q)
    assert done.steps[0].body[0].expr == expr
    assert cleaned(expr, "values") == done.results[0]


def test_derivative_of_a_guarded_product_is_guarded() -> None:
    z = Tensor("z", (), "float", "target")[()]
    form = cleaned(s * (sp.exp(z) * (z - a) + sp.exp(z)))
    assert evaluate(form, {"z": -float("inf"), "a": -3.0, "scale0": 1.0}, FLOAT) == 0


def test_firings_are_recorded() -> None:
    _, record = clean_with_record(routine(FORMS["softmax minus one-hot"][0]))
    assert "name-expm1" in {rewrite.rule for rewrite in record}


@pytest.mark.parametrize(
    ("logit", "label"), [(-800.0, 0.0), (-709.0, 0.0), (-3.0, 0.0), (5000.0, 1.0), (2.0, 1.0)]
)
def test_power_of_what_underflows_is_not_lost(logit: float, label: float) -> None:
    """The probability is 0 in floating point, its power 1/10 is not; nor is 0 divided by 0."""
    base = (1 - t) * vo.sigmoid(a) + t * vo.sigmoid(-a)
    loss = (1 - t) * vo.softplus(a) + t * vo.softplus(-a)
    expr = s * base ** (r - 1) * (a * base + r * sp.tanh(a / 2) * loss)
    form = cleaned(expr)
    values = {"a": logit, "t": label, "r": sp.Rational(1, 10), "scale0": 1.0}
    with mpmath.workdps(3000):
        truth = float(evaluate(vo.exact(expr), values, HIGH))
    with np.errstate(divide="ignore"):
        assert evaluate(form, values, FLOAT) == pytest.approx(truth, rel=1e-12)
