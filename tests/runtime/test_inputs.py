"""Anything array-like goes in; dtypes and layouts decide what comes out, never what it is worth."""

import array
import sys
from pathlib import Path
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest

import tests.runtime.fixtures.cases as L
from lossgen import LossTypeError
from lossgen.runtime.arrays import as_array, kernel_array
from tests.runtime.references import elementwise

RNG = np.random.default_rng(3)
X = RNG.normal(size=(6, 4)) * 2
Y = RNG.normal(size=(6, 4))
VALUES, SLOPES, _, _ = elementwise(X, Y)


def layouts(base):
    """Return the same numbers in many kinds of memory."""
    read_only = base.copy()
    read_only.flags.writeable = False
    bytes_ = np.empty(base.nbytes + 1, np.uint8)
    unaligned = bytes_[1:].view(base.dtype).reshape(base.shape)
    unaligned[...] = base
    spaced = np.empty((12, 8))[::2, ::2]
    spaced[...] = base
    return {
        "fortran": np.asfortranarray(base),
        "spaced": spaced,
        "reversed": base[::-1].copy()[::-1],
        "read-only": read_only,
        "unaligned": unaligned,
        "swapped": base.astype(">f8"),
        "list": base.tolist(),
        "memoryview": memoryview(base),
    }


@pytest.mark.parametrize("kind", list(layouts(X)))
def test_memory_layout_does_not_matter(kind):
    value, grad = L.elementwise_case.value_and_grad(layouts(X)[kind], layouts(Y)[kind])
    expected_value, expected_grad = L.elementwise_case.value_and_grad(X, Y)
    assert value == expected_value
    assert np.array_equal(grad, expected_grad)
    assert grad.dtype == np.float64
    assert grad.flags.c_contiguous
    assert grad.flags.writeable


def test_memory_maps_are_read_in_place(tmp_path: Path):
    X.tofile(tmp_path / "x")
    mapped = np.memmap(tmp_path / "x", dtype=np.float64, mode="r", shape=X.shape)
    assert L.elementwise_case(mapped, Y) == L.elementwise_case(X, Y)
    lent = kernel_array(np.asarray(mapped), np.dtype(np.float64))
    assert np.shares_memory(lent, mapped)
    assert lent.flags.carray


def test_inputs_are_not_changed():
    x, y = X.copy(), Y.copy()
    for array_ in (x, y):
        array_.flags.writeable = False
    L.elementwise_case.value_and_grad(x, y, wrt=("x", "y", "delta"))
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
def test_results_have_the_dtype_of_the_predictions(dtype):
    x = X.astype(dtype)
    compute = np.float64 if dtype is np.float64 else np.float32
    values, slopes, _, _ = elementwise(x.astype(np.float64), Y.astype(compute))
    value, grad = L.elementwise_case.value_and_grad(x, Y)
    unreduced = L.elementwise_case(x, Y, reduction="none")
    assert value.dtype == grad.dtype == unreduced.dtype == np.dtype(dtype)
    assert isinstance(value, np.generic)
    bound = 4 * float(ml_dtypes.finfo(dtype).eps)
    np.testing.assert_allclose(float(value), values.mean(), rtol=bound)
    np.testing.assert_allclose(unreduced.astype(np.float64), values, rtol=bound, atol=1e-6)
    np.testing.assert_allclose(grad.astype(np.float64), slopes / X.size, rtol=bound, atol=1e-6)


def test_sums_of_half_precision_are_not_kept_in_half_precision():
    ones = np.ones(70_000, np.float16)
    assert L.elementwise_case(ones, ones * 0) == np.float16(0.5)
    assert L.elementwise_case(ones * 2, ones * 0, reduction="sum") == np.inf  # 105000 is beyond float16
    assert L.elementwise_case.grad(ones, ones * 0, reduction="sum").dtype == np.float16


def test_predictions_of_several_dtypes_have_a_common_result():
    a, b = RNG.normal(size=(2, 3, 2)).astype(np.float32)
    value, (by_a, by_b) = L.item_case.value_and_grad(a, b.astype(np.float64))
    assert value.dtype == by_a.dtype == by_b.dtype == np.float64
    value = L.item_case(a.astype(np.float16), b.astype(ml_dtypes.bfloat16))
    assert value.dtype == np.float32


@pytest.mark.parametrize(
    "x", [[1, 2, 3], (True, False, True), np.arange(3, dtype=np.uint8), array.array("i", [1, 2, 3])]
)
def test_integers_compute_in_float64(x):
    value, grad = L.elementwise_case.value_and_grad(x, [0, 0, 0])
    assert value.dtype == grad.dtype == np.float64
    np.testing.assert_allclose(value, elementwise(np.asarray(x), np.zeros(3))[0].mean(), rtol=1e-15)


@pytest.mark.parametrize("x", [2.5, 2, np.float32(2.5), np.array(2.5)])
def test_scalars(x):
    value, grad = L.elementwise_case.value_and_grad(x, 0.0)
    assert value == elementwise(np.asarray(x), np.asarray(0.0))[0]
    assert grad.shape == ()
    assert grad == 1
    assert L.elementwise_case(x, 0.0, reduction="none").shape == ()
    assert L.elementwise_case(x, 0.0, reduction="batchmean") == value


class Exported:
    """An object that only has the array protocol, as tensors of other libraries do."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


def test_the_array_protocol_is_enough():
    value = L.elementwise_case(Exported(X.astype(np.float32)), Exported(Y))
    assert value.dtype == np.float32
    assert value == L.elementwise_case(X.astype(np.float32), Y)


class FakeBfloat16Tensor:
    """A tensor that refuses NumPy because NumPy has no bfloat16, as torch's does."""

    dtype = "torch.bfloat16"

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Got unsupported ScalarType BFloat16")

    def float(self):
        return self.values.astype(np.float32)

    def view(self, dtype):
        return self.values.view(dtype)


def test_bfloat16_tensors_are_read_in_place_and_come_back_as_bfloat16(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(int16=np.int16))
    x = X.astype(ml_dtypes.bfloat16)
    assert np.shares_memory(as_array(FakeBfloat16Tensor(x), "x"), x)
    value = L.elementwise_case(FakeBfloat16Tensor(x), Y)
    assert value.dtype == ml_dtypes.bfloat16
    assert value == L.elementwise_case(x, Y)


def test_bfloat16_tensors_without_ml_dtypes_come_back_as_float32(monkeypatch):
    x = X.astype(ml_dtypes.bfloat16)
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    value = L.elementwise_case(FakeBfloat16Tensor(x), Y)
    assert value.dtype == np.float32
    assert value == L.elementwise_case(x.astype(np.float32), Y)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X + 1j, r"x has dtype complex128.*x\.real"),
        (np.array([["a"]]), "x has dtype <U1"),
        (np.array([[None]]), "x has dtype object"),
        (X.astype("datetime64[s]"), "x has dtype datetime64"),
        (X.astype(np.longdouble), "x has dtype float128"),
        ([[1.0], [1.0, 2.0]], "x of type list cannot be read as one array"),
        (np.ma.masked_array(X, X > 0), "x is a masked array"),
        (None, "x is None"),
    ],
    ids=["complex", "string", "object", "time", "long", "ragged", "masked", "none"],
)
def test_other_dtypes_are_refused_by_name(x, message):
    with pytest.raises(LossTypeError, match=message):
        L.elementwise_case(x, Y)


def test_a_tensor_that_refuses_says_why():
    class Attached:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("Use tensor.detach().numpy() instead.")

    with pytest.raises(LossTypeError, match=r"x of type Attached.*detach"):
        L.elementwise_case(Attached(), Y)


def test_tensors_of_torch():
    torch = pytest.importorskip("torch")
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    value, grad = L.elementwise_case.value_and_grad(x, y)
    assert value == L.elementwise_case(X, Y)
    assert isinstance(grad, np.ndarray)
    half_tensor = x.to(torch.bfloat16)
    assert L.elementwise_case(half_tensor, y) == L.elementwise_case(X.astype(ml_dtypes.bfloat16), Y)
    for attached in (x.requires_grad_(), half_tensor.requires_grad_()):
        with pytest.raises(LossTypeError, match=r"x of type Tensor cannot be read.*detach"):
            L.elementwise_case(attached, y)
