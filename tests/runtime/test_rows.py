"""Class axes, ignored rows, class weights and divisors that a prepass gives."""

import numpy as np
import pytest

import tests.runtime.fixtures.cases as L
from tests.runtime.references import rows

RNG = np.random.default_rng(1)
X = RNG.normal(size=(6, 3))
Y = np.array([0, 2, 1, -100, 2, 0])
CLASS_WEIGHT = np.array([1.0, 2.0, 0.5])
W = RNG.uniform(0.5, 2, size=6)
CLOSE = {"rtol": 1e-13, "atol": 1e-15}


@pytest.mark.parametrize("where", [None, np.array([1, 1, 0, 1, 1, 0], bool)], ids=["all", "mask"])
@pytest.mark.parametrize("weight", [None, 2.0, W], ids=["no", "number", "full"])
def test_reductions_use_the_declared_divisor(weight, where):
    options = {"class_weight": CLASS_WEIGHT, "penalty": 0.25}
    values, gradients, adds = rows(X, Y, **options)
    kept = 1.0 if where is None else where
    w = kept * np.broadcast_to(1.0 if weight is None else weight, 6)
    for reduction, divisor in {
        "sum": 1.0,
        "mean": (kept * adds).sum(),
        "weighted_mean": (w * adds).sum(),
        "batchmean": 6,
    }.items():
        value, grad = L.row_case.value_and_grad(
            X, Y, weight=weight, where=where, reduction=reduction, **options
        )
        np.testing.assert_allclose(value, (values * w).sum() / divisor, **CLOSE)
        np.testing.assert_allclose(grad, gradients * w[:, None] / divisor, **CLOSE)
    unreduced = L.row_case(X, Y, weight=weight, where=where, reduction="none", **options)
    np.testing.assert_allclose(unreduced, values * w, **CLOSE)


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -2])
def test_any_axis_can_hold_the_classes(axis):
    x = RNG.normal(size=(2, 3, 4, 5))
    classes = x.shape[axis]
    batch = tuple(np.delete(x.shape, axis))
    y = RNG.integers(0, classes, size=batch)
    class_weight = RNG.uniform(0.5, 2, size=classes)
    values, gradients, adds = rows(np.moveaxis(x, axis, -1), y, class_weight, penalty=0.5)
    value, grad = L.row_case.value_and_grad(x, y, class_weight=class_weight, penalty=0.5, axis=axis)
    np.testing.assert_allclose(value, values.sum() / adds.sum(), **CLOSE)
    np.testing.assert_allclose(grad, np.moveaxis(gradients, -1, axis) / adds.sum(), **CLOSE)
    assert grad.flags.c_contiguous
    unreduced = L.row_case(x, y, class_weight=class_weight, penalty=0.5, axis=axis, reduction="none")
    assert unreduced.shape == batch


def test_one_row_without_a_batch():
    value, grad = L.row_case.value_and_grad([1.0, 2.0, 3.0], 1)
    assert value == -2
    assert np.array_equal(grad, [0, -1, 0])
    assert L.row_case([1.0, 2.0, 3.0], 1, reduction="none").shape == ()


def test_all_rows_ignored_is_nan_with_gradient_zero():
    ignored = np.full(6, -100)
    value, grad = L.row_case.value_and_grad(X, ignored)
    assert np.isnan(value)
    assert not grad.any()
    assert L.row_case(X, ignored, reduction="sum") == 0
    # ignore_index may be a class.
    np.testing.assert_allclose(
        L.row_case(X, Y % 3, ignore_index=0), rows(X, Y % 3, ignore_index=0)[0][Y % 3 != 0].mean(), **CLOSE
    )


def test_gradients_by_shared_and_free_parameters():
    by_class_weight, by_penalty = L.row_case.grad(
        X, Y, penalty=0.5, wrt=("class_weight", "penalty"), reduction="sum"
    )
    picked = np.array([[-X[i, c] if c == Y[i] else 0.0 for c in range(3)] for i in range(6)])
    # The default class weight is one number, so its gradient is one number too.
    assert by_class_weight.shape == ()
    np.testing.assert_allclose(by_class_weight, picked.sum(), **CLOSE)
    np.testing.assert_allclose(by_penalty, (X[Y >= 0] ** 2).sum() / 2, **CLOSE)
    by_class_weight = L.row_case.grad(X, Y, class_weight=CLASS_WEIGHT, wrt="class_weight", reduction="sum")
    np.testing.assert_allclose(by_class_weight, picked.sum(0), **CLOSE)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64, ">i4"])
def test_any_integer_dtype_can_hold_classes(dtype):
    y = np.array([0, 2, 1, 0, 2, 0], dtype)
    assert L.row_case(X, y) == L.row_case(X, y.astype(np.int64))


def test_empty_batch():
    value, grad = L.row_case.value_and_grad(np.zeros((0, 3)), np.zeros(0, int))
    assert np.isnan(value)
    assert grad.shape == (0, 3)
    assert L.row_case(np.zeros((0, 3)), [], reduction="sum") == 0
