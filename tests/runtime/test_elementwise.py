"""Reductions, weights, masks, upstream and wrt, on a loss without axes."""

import numpy as np
import pytest

import tests.runtime.fixtures.cases as L
from tests.runtime.references import elementwise

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5)) * 2
Y = RNG.normal(size=(4, 5))
W = RNG.uniform(0.5, 2, size=(4, 5))
KEPT = RNG.uniform(size=(4, 5)) < 0.7
VALUES, SLOPES, CURVATURES, BY_DELTA = elementwise(X, Y)
CLOSE = {"rtol": 1e-13, "atol": 1e-15}


def weighted_divisor(reduction, weight, kept):
    weight = np.broadcast_to(1.0 if weight is None else weight, X.shape)
    kept = np.ones(X.shape, bool) if kept is None else kept
    return {
        "sum": 1.0,
        "none": 1.0,
        "mean": kept.sum(),
        "weighted_mean": weight[kept].sum(),
        "batchmean": X.shape[0],
    }[reduction]


@pytest.mark.parametrize("reduction", ["none", "mean", "sum", "weighted_mean", "batchmean"])
@pytest.mark.parametrize(
    "weight", [None, 3.0, W, W[:1], W[:, :1]], ids=["no", "number", "full", "row", "column"]
)
@pytest.mark.parametrize("where", [None, KEPT, KEPT[0]], ids=["all", "mask", "row-mask"])
def test_reductions_match_the_formula(reduction, weight, where):
    kept = None if where is None else np.broadcast_to(where, X.shape)
    shown = np.ones(X.shape, bool) if kept is None else kept
    w = np.where(shown, 1.0 if weight is None else weight, 0.0)
    divisor = weighted_divisor(reduction, weight, kept)
    value, grad = L.elementwise_case.value_and_grad(X, Y, weight=weight, where=where, reduction=reduction)
    expected = VALUES * w if reduction == "none" else (VALUES * w).sum() / divisor
    np.testing.assert_allclose(value, expected, **CLOSE)
    np.testing.assert_allclose(grad, SLOPES * w / divisor, **CLOSE)
    plain = L.elementwise_case(X, Y, weight=weight, where=where, reduction=reduction)
    assert np.array_equal(plain, value)
    alone = L.elementwise_case.grad(X, Y, weight=weight, where=where, reduction=reduction)
    assert np.array_equal(alone, grad)


def test_masked_entries_are_never_read():
    x = np.where(KEPT, X, np.nan)
    value, grad = L.elementwise_case.value_and_grad(x, Y, where=KEPT)
    np.testing.assert_allclose(value, VALUES[KEPT].mean(), **CLOSE)
    assert np.array_equal(grad == 0, ~KEPT)
    # A zero weight is no mask: NaN in, NaN out.
    assert np.isnan(L.elementwise_case(x, Y, weight=KEPT.astype(float)))


def test_a_mean_that_divides_by_weights():
    value = L.weighted_case(X, Y, weight=W)
    np.testing.assert_allclose(value, (VALUES * W).sum() / W.sum(), **CLOSE)
    np.testing.assert_allclose(L.weighted_case(X, Y, weight=2.0), VALUES.mean(), **CLOSE)
    np.testing.assert_allclose(L.weighted_case(X, Y, reduction="none"), VALUES, **CLOSE)
    grad, hess = L.weighted_case.grad_and_hess(X, Y)
    np.testing.assert_allclose(grad, SLOPES, **CLOSE)
    np.testing.assert_allclose(hess, CURVATURES, **CLOSE)
    np.testing.assert_allclose(L.weighted_case.grad(X, Y, weight=W), SLOPES * W / W.sum(), **CLOSE)


def test_upstream_scales_gradients_and_not_values():
    value, grad = L.elementwise_case.value_and_grad(X, Y, upstream=-3.0)
    np.testing.assert_allclose(value, VALUES.mean(), **CLOSE)
    np.testing.assert_allclose(grad, -3.0 * SLOPES / X.size, **CLOSE)
    upstream = RNG.normal(size=X.shape)
    value, grad = L.elementwise_case.value_and_grad(X, Y, weight=W, reduction="none", upstream=upstream)
    np.testing.assert_allclose(value, VALUES * W, **CLOSE)
    np.testing.assert_allclose(grad, SLOPES * W * upstream, **CLOSE)
    grad = L.elementwise_case.grad(X, Y, reduction="none", upstream=2)
    np.testing.assert_allclose(grad, 2 * SLOPES, **CLOSE)


def test_wrt_one_name_gives_an_array_and_a_tuple_gives_a_tuple():
    by_y = L.elementwise_case.grad(X, Y, wrt="y")
    np.testing.assert_allclose(by_y, -SLOPES / X.size, **CLOSE)
    by_delta, by_x = L.elementwise_case.grad(X, Y, wrt=("delta", "x"), reduction="sum")
    np.testing.assert_allclose(by_delta, BY_DELTA.sum(), **CLOSE)
    assert by_delta.shape == ()
    np.testing.assert_allclose(by_x, SLOPES, **CLOSE)
    alone = L.elementwise_case.grad(X, Y, wrt=("x",))
    assert isinstance(alone, tuple)
    assert len(alone) == 1


@pytest.mark.parametrize("shape", [(), (1,), (5,), (4, 1), (1, 5), (4, 5)])
def test_gradients_of_broadcast_parameters_have_the_shape_of_the_parameter(shape):
    delta = RNG.uniform(0.5, 1.5, size=shape)
    by_delta = L.elementwise_case.grad(X, Y, delta=delta, weight=W, wrt="delta", reduction="sum")
    terms = elementwise(X, Y, delta)[3] * W
    axes = tuple(d for d in range(2) if d < 2 - len(shape) or shape[d - (2 - len(shape))] == 1)
    expected = terms.sum(axis=axes).reshape(shape)
    assert by_delta.shape == shape
    np.testing.assert_allclose(by_delta, expected, **CLOSE)
    values = L.elementwise_case(X, Y, delta=delta, reduction="none")
    np.testing.assert_allclose(values, elementwise(X, Y, delta)[0], **CLOSE)


def test_curvature_and_hessian_vector_product():
    v = RNG.normal(size=X.shape)
    grad, hess = L.elementwise_case.grad_and_hess(X, Y, weight=W, where=KEPT)
    np.testing.assert_allclose(grad, np.where(KEPT, SLOPES * W, 0), **CLOSE)
    np.testing.assert_allclose(hess, np.where(KEPT, CURVATURES * W, 0), **CLOSE)
    for product in (
        L.elementwise_case.hvp(X, Y, v, weight=W, upstream=2.0),
        L.elementwise_case.hvp(X, Y, v=v, weight=W, upstream=2.0),
        L.elementwise_case.hvp(X, v, y=Y, weight=W, upstream=2.0),
    ):
        np.testing.assert_allclose(product, 2 * CURVATURES * W * v / X.size, **CLOSE)


def test_static_choices_and_optional_parameters_select_variants():
    value, grad = L.elementwise_case.value_and_grad(X, Y, log_target=True)
    values, slopes, _, _ = elementwise(X, np.exp(Y))
    np.testing.assert_allclose(value, values.mean(), **CLOSE)
    np.testing.assert_allclose(grad, slopes / X.size, **CLOSE)
    assert L.elementwise_case(X, Y, factor=2.0) == 2 * L.elementwise_case(X, Y, factor=None)
    assert L.elementwise_case(X, Y, log_target=np.False_) == L.elementwise_case(X, Y)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_inputs(shape):
    empty = np.zeros(shape)
    assert L.elementwise_case(empty, empty, reduction="sum") == 0
    assert np.isnan(L.elementwise_case(empty, empty))
    assert np.isnan(L.elementwise_case(empty, empty, reduction="weighted_mean", weight=2.0))
    assert L.elementwise_case(empty, empty, reduction="none").shape == shape
    value, grad = L.elementwise_case.value_and_grad(empty, empty)
    assert np.isnan(value)
    assert grad.shape == shape
    assert L.elementwise_case.grad(empty, empty, wrt="delta") == 0
    assert L.elementwise_case.hvp(empty, empty, empty).shape == shape
    assert L.elementwise_case.grad_and_hess(empty, empty)[1].shape == shape


def test_all_masked_is_nan_with_gradient_zero_and_zero_weights_are_nan():
    nothing = np.zeros(X.shape, bool)
    value, grad = L.elementwise_case.value_and_grad(X, Y, where=nothing)
    assert np.isnan(value)
    assert not grad.any()
    assert L.elementwise_case(X, Y, where=nothing, reduction="sum") == 0
    value, grad = L.elementwise_case.value_and_grad(X, Y, weight=np.zeros(X.shape), reduction="weighted_mean")
    assert np.isnan(value)
    assert np.isnan(grad).all()
