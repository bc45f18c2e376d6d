"""``out=`` is honoured whatever its memory looks like, and checked before anything is written."""

import numpy as np
import pytest

import tests.runtime.fixtures.cases as L
from lossgen import LossTypeError, LossValueError

RNG = np.random.default_rng(4)
X = RNG.normal(size=(6, 4)) * 2
Y = RNG.normal(size=(6, 4))
VALUES = L.elementwise_case(X, Y, reduction="none")
GRAD = L.elementwise_case.grad(X, Y)


def outs():
    return {
        "contiguous": np.empty((6, 4)),
        "fortran": np.empty((6, 4), order="F"),
        "strided": np.empty((12, 8))[::2, ::2],
        "reversed": np.empty((6, 4))[::-1],
    }


@pytest.mark.parametrize("kind", list(outs()))
def test_values_and_gradients_are_written_to_out(kind):
    out = outs()[kind]
    assert L.elementwise_case(X, Y, reduction="none", out=out) is out
    assert np.array_equal(out, VALUES)
    value, grad = L.elementwise_case.value_and_grad(X, Y, out=out)
    assert grad is out
    assert np.array_equal(out, GRAD)
    assert value == L.elementwise_case(X, Y)
    out[...] = 0
    assert L.elementwise_case.grad(X, Y, out=out) is out
    assert np.array_equal(out, GRAD)


def test_a_reduced_value_is_written_to_a_0d_array():
    out = np.empty(())
    assert L.elementwise_case(X, Y, out=out) is out
    assert out == L.elementwise_case(X, Y)


def test_out_may_be_an_input():
    for place in range(2):
        x, y = X.copy(), Y.copy()
        out = (x, y)[place]
        values, grad = L.elementwise_case.value_and_grad(x, y, reduction="none", out=out)
        assert np.array_equal(values, VALUES)
        assert np.array_equal(grad, L.elementwise_case.grad(X, Y, reduction="none"))
    weight = np.abs(X)
    expected = L.elementwise_case.grad(X, Y, weight=weight)
    assert np.array_equal(L.elementwise_case.grad(X, Y, weight=weight, out=weight), expected)


def test_out_may_overlap_an_input_in_part():
    memory = np.empty(30)
    x, out = memory[:24], memory[6:]
    x[...] = X.ravel()
    L.elementwise_case.grad(x, Y.ravel(), out=out)
    assert np.array_equal(out, GRAD.ravel())


def test_out_of_several_gradients_is_a_tuple():
    out = (np.empty((6, 4)), np.empty(()))
    result = L.elementwise_case.grad(X, Y, wrt=("y", "delta"), out=out)
    assert result[0] is out[0]
    assert result[1] is out[1]
    expected = L.elementwise_case.grad(X, Y, wrt=("y", "delta"))
    assert np.array_equal(out[0], expected[0])
    assert out[1] == expected[1]


def test_out_of_curvature_is_a_pair():
    out = (np.empty((6, 4)), np.empty((6, 4), order="F"))
    result = L.elementwise_case.grad_and_hess(X, Y, out=out)
    expected = L.elementwise_case.grad_and_hess(X, Y)
    for got, given, want in zip(result, out, expected, strict=True):
        assert got is given
        assert np.array_equal(got, want)
    product = np.empty((6, 4))
    assert L.elementwise_case.hvp(X, Y, X, out=product) is product
    assert np.array_equal(product, L.elementwise_case.hvp(X, Y, X))


def test_out_of_half_precision_and_of_moved_axes():
    out = np.empty((6, 4), np.float16)
    assert L.elementwise_case.grad(X.astype(np.float16), Y, out=out) is out
    assert np.array_equal(out, L.elementwise_case.grad(X.astype(np.float16), Y))
    scores, classes = RNG.normal(size=(2, 3, 4)), RNG.integers(0, 3, size=(2, 4))
    out = np.empty((2, 3, 4))
    assert L.row_case.grad(scores, classes, out=out) is out
    assert np.array_equal(out, L.row_case.grad(scores, classes))


def test_out_of_empty_inputs():
    out = np.empty((0, 3))
    assert L.elementwise_case.grad(out, out, out=np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (
            np.empty((6, 4), np.float32),
            LossTypeError,
            "out has dtype float32, but the result has dtype float64",
        ),
        (np.empty((4, 6)), LossValueError, r"out has shape \(4, 6\), but the result has shape \(6, 4\)"),
        ([[0.0] * 4] * 6, LossTypeError, "out is of type list"),
        (np.broadcast_to(np.zeros(4), (6, 4)), LossValueError, "out is read-only"),
    ],
    ids=["dtype", "shape", "list", "read-only"],
)
def test_unfit_outs_are_refused(out, error, message):
    with pytest.raises(error, match=message):
        L.elementwise_case.grad(X, Y, out=out)


def test_unfit_tuples_are_refused():
    same = np.empty((6, 4))
    with pytest.raises(LossValueError, match=r"out\[1\] overlaps"):
        L.elementwise_case.grad(X, Y, wrt=("x", "y"), out=(same, same))
    with pytest.raises(LossTypeError, match="tuple of 2 arrays"):
        L.elementwise_case.grad(X, Y, wrt=("x", "y"), out=same)
    interleaved = np.empty((6, 8))
    pair = interleaved[:, ::2], interleaved[:, 1::2]
    by_x, by_y = L.elementwise_case.grad(X, Y, wrt=("x", "y"), out=pair)
    assert np.array_equal(by_x, GRAD)
    assert np.array_equal(by_y, -GRAD)
