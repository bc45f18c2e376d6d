"""Arrays of float16 and bfloat16: every conversion, and what memory they take in whatever layout."""

import tracemalloc

import ml_dtypes
import numba
import numpy as np
import pytest

import lossgen
import tests.runtime.fixtures.cases as L
from lossgen.runtime.half_arrays import HalfArray

FLOAT16, BFLOAT16 = np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)
HALVES = pytest.mark.parametrize("dtype", [FLOAT16, BFLOAT16], ids=lambda dtype: dtype.name)
RNG = np.random.default_rng(7)
X = RNG.normal(size=(6, 4)) * 2
Y = RNG.normal(size=(6, 4))
KEPT = RNG.uniform(size=(6, 4)) < 0.7


@numba.njit
def _copied(source, target):
    for i in range(target.shape[0]):
        target[i] = source[i]


def widened(patterns, dtype):
    result = np.empty(patterns.size, np.float32)
    _copied(HalfArray(patterns.view(dtype)), result)
    return result


def narrowed(numbers, dtype):
    result = np.empty(numbers.size, dtype)
    _copied(numbers, HalfArray(result))
    return result


def expected(numbers, dtype):
    with np.errstate(over="ignore", invalid="ignore"):
        return numbers.astype(dtype)


def same_bits(first, second):
    """Whether all numbers have equal patterns; NaN is one number."""
    equal = first.view(np.uint16) == second.view(np.uint16)
    with np.errstate(invalid="ignore"):  # ml_dtypes warns of signalling NaN
        return np.all(equal | (np.isnan(first) & np.isnan(second)))


PATTERNS = np.arange(2**16, dtype=np.uint16)


@HALVES
def test_every_pattern_is_widened_exactly(dtype):
    numbers, truth = widened(PATTERNS, dtype), PATTERNS.view(dtype).astype(np.float32)
    assert np.array_equal(numbers, truth, equal_nan=True)
    assert np.array_equal(np.signbit(numbers), np.signbit(truth))


@HALVES
def test_every_pattern_comes_back(dtype):
    assert same_bits(narrowed(widened(PATTERNS, dtype), dtype), PATTERNS.view(dtype))


@HALVES
def test_every_tie_and_both_its_sides_are_rounded_to_nearest(dtype):
    values = expected(PATTERNS[: 2**15].view(dtype), np.float64)
    values = values[np.isfinite(values)]
    above = np.append(values[1:], 2 * values[-1] - values[-2])  # beyond the last tie is infinity
    ties = ((values + above) / 2).astype(np.float32)
    assert np.array_equal(ties, (values + above) / 2)
    for numbers in (ties, np.nextafter(ties, np.float32(0)), np.nextafter(ties, np.float32(np.inf))):
        assert same_bits(narrowed(numbers, dtype), expected(numbers, dtype))
        assert same_bits(narrowed(-numbers, dtype), expected(-numbers, dtype))
    assert np.isinf(narrowed(ties[-1:], dtype))[0]


@HALVES
def test_any_float32_is_rounded_to_nearest(dtype):
    numbers = RNG.integers(0, 2**32, 2**20, dtype=np.uint32).view(np.float32)
    assert same_bits(narrowed(numbers, dtype), expected(numbers, dtype))


@HALVES
def test_nan_stays_nan_and_becomes_quiet(dtype):
    payloads = np.array([0x7F800001, 0x7FBFFFFF, 0x7FC00000, 0xFF800001, 0xFFFFFFFF], np.uint32)
    narrow = narrowed(payloads.view(np.float32), dtype)
    assert np.isnan(narrow).all()
    quiet = 0x0200 if dtype == FLOAT16 else 0x0040
    assert np.all(narrow.view(np.uint16) & quiet)
    assert np.array_equal(np.signbit(narrow), payloads >= 2**31)


def test_flushing_subnormals_changes_no_conversion_of_float16():
    torch = pytest.importorskip("torch")
    truth = PATTERNS.view(FLOAT16).astype(np.float32)
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormals")
    try:
        numbers = widened(PATTERNS, FLOAT16)
        back = narrowed(truth, FLOAT16)
    finally:
        torch.set_flush_denormal(False)
    assert np.array_equal(numbers, truth, equal_nan=True)
    assert same_bits(back, PATTERNS.view(FLOAT16))


def wide_results(dtype, **options):
    """Return value and gradient computed in float32 from widened arrays, then rounded."""
    x, y = (a.astype(dtype).astype(np.float32) for a in (X, Y))
    values, grad = L.elementwise_case.value_and_grad(x, y, reduction="none", **options)
    return values.astype(dtype), grad.astype(dtype)


def half_layouts(base):
    read_only = base.copy()
    read_only.flags.writeable = False
    bytes_ = np.empty(base.nbytes + 1, np.uint8)
    unaligned = bytes_[1:].view(base.dtype).reshape(base.shape)
    unaligned[...] = base
    spaced = np.empty((12, 8), base.dtype)[::2, ::2]
    spaced[...] = base
    return {
        "contiguous": base,
        "fortran": np.asfortranarray(base),
        "spaced": spaced,
        "reversed": base[::-1].copy()[::-1],
        "read-only": read_only,
        "unaligned": unaligned,
    }


@HALVES
@pytest.mark.parametrize("kind", list(half_layouts(X)))
def test_memory_layout_does_not_matter(kind, dtype):
    x, y = (half_layouts(a.astype(dtype))[kind] for a in (X, Y))
    for results in (
        L.elementwise_case.value_and_grad(x, y, reduction="none"),
        L.elementwise_case.value_and_grad(x, y, reduction="none", out=half_layouts(y.copy())["spaced"]),
    ):
        for got, want in zip(results, wide_results(dtype), strict=True):
            assert got.dtype == dtype
            assert same_bits(np.ascontiguousarray(got), want)


@HALVES
def test_masked_entries_are_never_read(dtype):
    x = np.where(KEPT, X, np.nan).astype(dtype)
    results = L.elementwise_case.value_and_grad(x, Y.astype(dtype), where=KEPT, reduction="none")
    for got, want in zip(results, wide_results(dtype, where=KEPT), strict=True):
        assert same_bits(got, want)


@HALVES
def test_empty_arrays(dtype):
    empty = np.empty((0, 3), dtype)
    value, grad = L.elementwise_case.value_and_grad(empty, empty, reduction="sum", out=empty)
    assert value == 0
    assert value.dtype == dtype
    assert grad is empty


@HALVES
def test_arrays_of_another_dtype_than_the_predictions_are_converted(dtype):
    x, y = X.astype(dtype), Y.astype(dtype)
    both = L.elementwise_case.value_and_grad(x, y, reduction="none")
    for other in (np.float32, np.float64, ">f4"):
        mixed = L.elementwise_case.value_and_grad(x, y.astype(other), reduction="none")
        for got, want in zip(mixed, both, strict=True):
            assert same_bits(got, want)
        value, grad = L.elementwise_case.value_and_grad(x.astype(other), y)
        assert value.dtype == grad.dtype == np.dtype(other).newbyteorder("=")
    swapped = X.astype(">f2")
    assert L.elementwise_case(swapped, Y) == L.elementwise_case(X.astype(FLOAT16), Y)


@HALVES
def test_threads_give_the_same_bits(dtype):
    x, y = RNG.normal(size=(2, 2**16)).astype(dtype)
    with lossgen.threads("serial"):
        value, grad = L.elementwise_case.value_and_grad(x, y)
    with lossgen.threads(2):
        again, in_threads = L.elementwise_case.value_and_grad(x, y)
    assert value == again
    assert same_bits(grad, in_threads)


@HALVES
def test_sums_in_outputs_are_not_rounded_on_the_way(dtype):
    # Each gradient entry is a sum of 40 terms; in 8 bits it would stop growing.
    a, b = np.full((2, 3, 40, 1), 1 + 2.0**-7).astype(dtype)
    wide = L.item_case.grad(a.astype(np.float32), b.astype(np.float32), reduction="sum")
    for got, want in zip(L.item_case.grad(a, b, reduction="sum"), wide, strict=True):
        assert same_bits(got, want.astype(dtype))


@HALVES
def test_no_temporary_of_input_size(dtype):
    x, y = RNG.normal(size=(2, 2**18)).astype(dtype)
    out = np.empty_like(x)
    L.elementwise_case.value_and_grad(x, y, out=out)
    tracemalloc.start()
    try:
        L.elementwise_case.value_and_grad(x, y, out=out)
        assert tracemalloc.get_traced_memory()[1] < x.nbytes / 8
    finally:
        tracemalloc.stop()
