"""Any loss takes its data in chunks of samples, or says why not."""

import numpy as np
import pytest

from lossgen import LossValueError

from .discovery import DEFAULTS, as_list, subject
from .test_plans import plain


def value_over(it, chunks, options):
    """Return the value, None where the first dimension is not one of samples."""
    try:
        return it.function.value_over(chunks, **options)
    except LossValueError as error:
        if "does not separate samples" not in str(error):
            raise
        return None


@pytest.mark.parametrize(("loss", "variant"), DEFAULTS)
def test_chunks_of_samples_have_the_bits_of_all(loss, variant):
    it = subject(loss, variant, np.float32)
    arrays, options = plain(it)
    chunks = [[array[a:b] for array in arrays] for a, b in ((0, 1), (1, 3), (3, None))]
    found = value_over(it, chunks, options)
    if found is None:
        assert it.function.entry.axes  # the first dimension is one of them
        return
    assert found == it.function(*arrays, **options)
    parts = [as_list(gradient) for gradient in it.function.gradients_over(chunks, **options)]
    whole = as_list(it.function.grad(*arrays, **options))
    for joined, one in zip(map(np.concatenate, zip(*parts, strict=True)), whole, strict=True):
        np.testing.assert_array_equal(joined, one)
