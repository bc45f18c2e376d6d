"""Data in chunks have the value and the gradients of all of them at once."""

import itertools

import numpy as np
import pytest

import tests.runtime.fixtures.cases as L
from lossgen import LossError

RNG = np.random.default_rng(11)
X, Y = RNG.normal(size=(2, 30_011)).astype(np.float32)
ROWS, CLASSES = RNG.normal(size=(5_003, 3, 2)), RNG.integers(0, 3, size=(5_003, 2))
IMAGES, OTHERS = RNG.normal(size=(2, 7, 2, 40, 50))
LENGTHS = (1, 4096, 5000, 1, 409, 13_000, 1, 1, 0, 10**6)

SUBJECTS = {
    "elementwise": (L.elementwise_case, {"x": X, "y": Y}, {"delta": 0.5}),
    "weights": (L.elementwise_case, {"x": X, "y": Y, "weight": np.abs(Y), "where": X > 0}, {}),
    "rows": (L.row_case, {"x": ROWS, "y": CLASSES}, {"penalty": 0.5}),
    "images": (L.two_terms_case, {"x": IMAGES, "y": OTHERS}, {}),
    "halves": (L.elementwise_case, {"x": X.astype(np.float16), "y": Y.astype(np.float16)}, {}),
}
EACH = pytest.mark.parametrize(("loss", "arrays", "options"), SUBJECTS.values(), ids=SUBJECTS)
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "batchmean"])


def cut(arrays, lengths):
    ends = [0, *itertools.accumulate(lengths)]
    return [{name: array[a:b] for name, array in arrays.items()} for a, b in itertools.pairwise(ends)]


@EACH
@REDUCTIONS
def test_values_have_the_same_bits(loss, arrays, options, reduction):
    whole = loss(**arrays, **options, reduction=reduction)
    for lengths in (LENGTHS, [1] * 6 + [10**6], [10**6]):
        assert loss.value_over(cut(arrays, lengths), **options, reduction=reduction) == whole


@EACH
@REDUCTIONS
def test_gradients_have_the_same_bits(loss, arrays, options, reduction):
    whole = loss.grad(**arrays, **options, reduction=reduction, upstream=0.5)
    chunks = cut(arrays, [length for length in LENGTHS if length])
    parts = loss.gradients_over(chunks, **options, reduction=reduction, upstream=0.5)
    np.testing.assert_array_equal(np.concatenate(list(parts)), whole)


def test_chunks_may_be_tuples_of_an_iterator():
    chunks = ((X[k : k + 100], Y[k : k + 100]) for k in range(0, len(X), 100))
    assert L.elementwise_case.value_over(chunks) == L.elementwise_case(X, Y)


WRONG = [
    ([], {}, "no samples"),
    ([X], {}, "a tuple of arrays"),
    ([(X, Y[:-1])], {}, "equally long"),
    ([(X, Y)], {"weight": np.ones(len(X))}, "make it a part of each chunk"),
    ([(X, Y)], {"delta": np.ones(len(X))}, "all samples share"),
    ([(X, Y), (X.astype(float), Y)], {}, "same arrays, dtypes and sizes of a sample"),
    ([{"x": X, "y": Y, "delta": X}], {}, "by keyword"),
    ([(X, Y)], {"reduction": "none"}, "reduction='none'"),
    ([(X, Y)], {"out": X}, "takes no out"),
]


@pytest.mark.parametrize(("chunks", "options", "message"), WRONG)
def test_mistakes_are_named(chunks, options, message):
    with pytest.raises(LossError, match=message):
        L.elementwise_case.value_over(chunks, **options)


def test_an_iterator_cannot_be_gone_through_twice():
    with pytest.raises(LossError, match="only once"):
        L.elementwise_case.gradients_over(iter([(X, Y)]))
