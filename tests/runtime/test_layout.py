"""The grammar of axis dimensions, and the way from a user's array to a kernel's and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossgen import LossValueError
from lossgen.runtime.layout import make_layout


@pytest.mark.parametrize(
    ("shape", "dims", "kernel_shape"),
    [
        ((2, 3, 4), (), (24,)),
        ((2, 3, 4), ("1",), (8, 3)),
        ((2, 3, 4), ("-1",), (6, 4)),
        ((2, 3, 4), ("2:",), (6, 4)),
        ((2, 3, 4), ("1:",), (2, 12)),
        ((2, 3, 4), ("-2:",), (2, 12)),
        ((2, 3, 4), ("0,2:",), (3, 8)),
        ((2, 3, 4), (":",), (1, 24)),
        ((2, 3, 4), ("0", "-1"), (3, 2, 4)),
        ((2, 3, 4), ("2", "0"), (3, 4, 2)),
        ((3,), ("1",), (1, 3)),
        ((), (":",), (1, 1)),
        ((0, 3), ("1",), (0, 3)),
    ],
)
def test_dimensions_of_axes(shape, dims, kernel_shape):
    layout = make_layout(shape, dims, tuple("ABC"[: len(dims)]), "x")
    assert layout.kernel_shape == kernel_shape
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float64).reshape(shape)
    kernel = layout.to_kernel(array, array.dtype)
    assert kernel.shape == kernel_shape
    assert kernel.flags.carray
    assert np.array_equal(layout.from_kernel(kernel), array)


def test_merged_dimensions_keep_their_order():
    array = np.arange(24.0).reshape(2, 3, 4)
    kernel = make_layout((2, 3, 4), ("0,2:",), ("S",), "x").to_kernel(array, array.dtype)
    assert np.array_equal(kernel[1], array[:, 1, :].ravel())


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_round_trip(extents, data):
    rank = len(extents)
    chosen = data.draw(st.lists(st.integers(0, rank - 1), unique=True, max_size=rank))
    dims = tuple(str(dim - rank) if data.draw(st.booleans()) else str(dim) for dim in chosen)
    if rank == 1:
        dims = tuple("0" for _ in dims)
    layout = make_layout(tuple(extents), dims, tuple(f"A{k}" for k in range(len(dims))), "x")
    array = np.random.default_rng(0).normal(size=extents)
    kernel = layout.to_kernel(array, array.dtype)
    assert np.array_equal(layout.from_kernel(kernel), array)
    moved = np.moveaxis(array, chosen, range(rank - len(chosen), rank))
    assert np.array_equal(kernel, moved.reshape(layout.kernel_shape))


@pytest.mark.parametrize(
    ("shape", "dims", "message"),
    [
        ((3, 4), ("2",), r"x has 2 dimension\(s\), but its axis A is dimension 2: at least 3"),
        ((3, 4), ("2:",), "at least 3 are needed"),
        ((3, 4), ("-3",), "at least 3 are needed"),
        ((), ("1",), "at least 2 are needed"),
        ((3,), ("0", "-1"), r"too few for its axes A \(dimension 0\), B \(dimension -1\)"),
        ((3, 4), ("1", "-1"), "each needs dimensions of its own"),
    ],
)
def test_too_few_dimensions(shape, dims, message):
    with pytest.raises(LossValueError, match=message):
        make_layout(shape, dims, tuple("AB"[: len(dims)]), "x")
