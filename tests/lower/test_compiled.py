"""Routines written by hand, one per structure, compiled and compared with NumPy."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import sympy as sp
from sympy import Abs, Eq, Ne, exp

from lossgen.algebra.axes import Axis, fresh
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Tensor
from lossgen.algebra.vocabulary import logshare, omexp, sigmoid, softplus
from lossgen.derive.model import Routine
from lossgen.lower import lower, passes_over
from lossgen.spec.model import Assign, Sort, Sweep
from tests.lower.kernels import module, run

C, N, D, T, U = Axis("C"), Axis("N"), Axis("D"), Axis("T"), Axis("U")
weight = Tensor("weight", role="weight")
scale = Tensor("scale0", role="scale")
ONE = np.ones(1)
RNG = np.random.default_rng(11)


def scalar_routine() -> Routine:
    x, y = Tensor("x", role="pred"), Tensor("y", role="target")
    delta, grad = Tensor("delta", role="param", domain="positive"), Tensor("grad_x", role="output")
    r = x[()] - y[()]
    near = Abs(r) < delta[()]
    value = weight[()] * Where(near, r**2 / 2, delta[()] * (Abs(r) - delta[()] / 2))
    slope = scale[()] * weight[()] * Where(near, r, delta[()] * sp.sign(r))
    steps = (Sweep((), (Assign(grad[()], slope),)),)
    return Routine("gradient", (x, y, delta, weight, scale), (grad,), steps, (value,))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scalars_uniform_general_and_masked(tmp_path: Path, dtype: type) -> None:
    made = module(tmp_path, scalar_routine())
    x, y = RNG.normal(size=(2, 10)).astype(dtype) * 2
    grad = np.empty(10, dtype)
    r = (x - y).astype(dtype)
    slope = np.where(abs(r) < 1, r, np.sign(r))
    value = np.where(abs(r) < 1, r * r / 2, abs(r) - 0.5)
    tight = 4 * np.finfo(dtype).eps
    one = np.ones(1, dtype)
    total = run(made, "gradient", [x, y, one, one], [grad], samples=10, scales=[0.25])
    np.testing.assert_allclose(grad, slope / 4, rtol=tight)
    np.testing.assert_allclose(total, value.sum(), rtol=tight)
    weights = RNG.random(10).astype(dtype)
    mask = RNG.random(10) > 0.4
    x[~mask] = np.nan
    total = run(made, "gradient", [x, y, np.ones(10, dtype), weights], [grad], samples=10, mask=mask)
    np.testing.assert_allclose(grad, np.where(mask, slope * weights, 0), rtol=tight)
    np.testing.assert_allclose(total, (value * weights)[mask].sum(), rtol=tight)
    # A single masked sample looks like a uniform call.
    run(made, "gradient", [x[:1], y[:1], one, one], [grad[:1]], samples=1, mask=np.zeros(1, bool))
    assert grad[0] == 0


def row_routine() -> Routine:
    x, y = Tensor("x", (C,), role="pred"), Tensor("y", (), "int", "class")
    class_weight = Tensor("class_weight", (C,), role="per_class", domain="positive")
    ignore = Tensor("ignore_index", (), "int", "param")
    grad = Tensor("grad_x", (C,), role="output")
    c, j = fresh(C), fresh(C)
    lse = Reduction("lse", x[j], j)
    factor = weight[()] * class_weight[y[()]]
    at, other = -omexp(logshare(x[y[()]], lse)), exp(logshare(x[c], lse))
    steps = (Sweep((c,), (Assign(grad[c], scale[()] * factor * Where(Eq(c, y[()]), at, other)),)),)
    results = (-factor * logshare(x[y[()]], lse),)
    inputs = (x, y, class_weight, ignore, weight, scale)
    return Routine("gradient", inputs, (grad,), steps, results, Ne(y[()], ignore[()]))


def test_rows_with_ignored_labels(tmp_path: Path) -> None:
    made = module(tmp_path, row_routine())
    x = RNG.normal(size=(9, 5)) * 10
    y = RNG.integers(0, 5, 9)
    # Far outside: reading x there would fail or crash.
    y[[2, 7]] = -(10**12)
    w = RNG.random(5)
    grad = np.empty((9, 5))
    total = run(made, "gradient", [x, y, w, np.array([-(10**12)]), ONE], [grad], samples=9)
    p = np.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    kept = y >= 0
    expected = np.zeros((9, 5))
    expected[kept] = p[kept] * w[y[kept], None]
    expected[kept, y[kept]] = -(1 - p[kept, y[kept]]) * w[y[kept]]
    np.testing.assert_allclose(grad, expected, rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(total, -(w[y[kept]] * np.log(p[kept, y[kept]])).sum(), rtol=1e-13)


Reduced = Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def reduced(tmp_path_factory: pytest.TempPathFactory) -> Reduced:
    """The kernel of one reduction over a row: compiled once for all numbers."""

    @cache
    def made(op: str) -> ModuleType:
        x, c = Tensor("x", (C,), role="pred"), fresh(C)
        routine = Routine("value", (x, weight), (), (), (weight[()] * Reduction(op, x[c], c),))
        return module(tmp_path_factory.mktemp(op), routine)

    return made


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1000.0, 0.0, -1000.0], 1000.0),
        ([-math.inf, 2.0, -math.inf], 2.0),
        ([-math.inf, -math.inf, -math.inf], -math.inf),
        ([math.inf, 0.0, math.inf], math.inf),
        ([math.nan, 0.0, 1.0], math.nan),
        ([0.0, 1.0, math.nan], math.nan),
        ([3.0, 3.0, 3.0], 3 + math.log(3)),
        ([0.0, -50.0, -50.0], 2 * math.exp(-50)),
    ],
)
def test_log_sum_exp_edges(reduced: Reduced, row: list[float], expected: float) -> None:
    total = run(reduced("lse"), "value", [np.array([row]), ONE], [], samples=1)
    np.testing.assert_allclose(total, expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("magnitude", [0.0, 1.0, 1e-30, 1e30, 1e-300, 1e300])
def test_norm_neither_overflows_nor_vanishes(reduced: Reduced, dtype: type, magnitude: float) -> None:
    if dtype is np.float32 and not 1e-35 < magnitude < 1e35 and magnitude:
        return
    row = np.array([[3.0, -4.0, 12.0]]) * magnitude
    total = run(reduced("norm"), "value", [row.astype(dtype), np.ones(1, dtype)], [], samples=1)
    np.testing.assert_allclose(total, 13 * magnitude, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("op", ["max", "min", "argmax", "argmin", "sum"])
def test_other_reductions(reduced: Reduced, op: str) -> None:
    made = reduced(op)
    row = np.array([1.0, 7.0, -3.0, 7.0, -3.0])
    total = run(made, "value", [row[None], ONE], [], samples=1)
    assert total == getattr(np, op)(row)
    if not op.startswith("arg"):
        for place in (0, 2, 4):
            broken = row.copy()
            broken[place] = np.nan
            assert np.isnan(run(made, "value", [broken[None], ONE], [], samples=1))


def test_sums_are_compensated(reduced: Reduced) -> None:
    made = reduced("sum")
    row = np.concatenate([[1e16], np.ones(1000), [-1e16]])
    assert run(made, "value", [row[None], ONE], [], samples=1) == 1000
    column = row[:, None].copy()
    # Across samples of a block too.
    assert run(made, "value", [column, ONE], [], samples=1002, block=2000) == 1000


def ratio_routine(axis: Axis) -> Routine:
    """Ratio of two sums and an elementwise term with two weights, as one gradient."""
    x, y = Tensor("x", (axis,), role="pred"), Tensor("y", (axis,), role="target")
    grad, scale1 = Tensor("grad_x", (axis,), role="output"), Tensor("scale1", role="scale")
    s, i = fresh(axis), fresh(axis)
    over = Reduction("sum", x[i] * y[i], i)
    under = Reduction("sum", x[i] + y[i], i)
    ratio = weight[()] * over / under
    penalty = weight[()] * Reduction("sum", softplus(x[i]), i)
    first = Assign(grad[s], scale[()] * weight[()] * (y[s] / under - over / under**2))
    second = Assign(grad[s], scale1[()] * weight[()] * sigmoid(x[s]), add=True)
    steps = (Sweep((s,), (first,)), Sweep((s,), (second,)))
    return Routine("gradient", (x, y, weight, scale, scale1), (grad,), steps, (ratio, penalty))


def test_ratio_with_elementwise_term_takes_two_passes(tmp_path: Path) -> None:
    routine = ratio_routine(Axis("S"))
    assert passes_over(lower(routine), "x") == 2
    made = module(tmp_path, routine)
    x, y = RNG.random((2, 3, 40))
    grad = np.empty((3, 40))
    sums = run(made, "gradient", [x, y, ONE], [grad], samples=3, terms=2, scales=[2.0, 0.5])
    over, under = (x * y).sum(1, keepdims=True), (x + y).sum(1, keepdims=True)
    expected = 2 * (y / under - over / under**2) + 0.5 / (1 + np.exp(-x))
    np.testing.assert_allclose(grad, expected, rtol=1e-13)
    np.testing.assert_allclose(sums, [(over / under).sum(), np.log1p(np.exp(x)).sum()], rtol=1e-14)


def test_items_that_couple_samples(tmp_path: Path) -> None:
    s, item_weight = Tensor("s", (N, N), role="pred"), Tensor("weight", (N,), role="weight")
    out, i, j = Tensor("out", (N,), role="output"), fresh(N), fresh(N)
    value = -logshare(s[i, i], Reduction("lse", s[i, j], j)) * item_weight[i]
    made = module(
        tmp_path, Routine("values", (s, item_weight), (out,), (Sweep((i,), (Assign(out[i], value),)),), ())
    )
    scores, w, found = RNG.normal(size=(1, 6, 6)), RNG.random((1, 6)), np.empty((1, 6))
    run(made, "values", [scores, w], [found], samples=1, block=1)
    expected = np.log(np.exp(scores[0]).sum(1)) - np.diag(scores[0])
    np.testing.assert_allclose(found[0], w[0] * expected, rtol=1e-13)


def test_sort_is_stable_and_feeds_a_prefix_sum(tmp_path: Path) -> None:
    x, order = Tensor("x", (N,), role="pred"), Tensor("order", (N,), "int")
    prefix, out = Tensor("prefix", (N,)), Tensor("out", (N,), role="output")
    n, k, m = fresh(N), fresh(N), fresh(N)
    steps = (
        Sort(order, n, x[n], descending=True),
        Sweep((k,), (Assign(prefix[k], x[order[k]] + Where(k >= 1, prefix[k - 1], 0)),)),
        Sweep((m,), (Assign(out[order[m]], weight[()] * (prefix[m] + m)),)),
    )
    made = module(tmp_path, Routine("values", (x, weight), (out,), steps, ()))
    rows = np.array([[1.0, 3.0, 1.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    found = np.empty_like(rows)
    run(made, "values", [rows, ONE], [found], samples=2)
    for row, result in zip(rows, found, strict=True):
        positions = np.argsort(-row, kind="stable")
        expected = np.empty(5)
        expected[positions] = np.cumsum(row[positions]) + np.arange(5)
        np.testing.assert_allclose(result, expected)
