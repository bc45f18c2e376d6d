"""Axes of length zero: sums over nothing are 0, products with nothing left are what the formula says."""

import itertools

import numpy as np
import pytest

from lossgen import LossIndexError, LossValueError
from lossgen.oracle.evaluate import Request

from .discovery import as_list, exact
from .empty import EMPTY, emptied, names_a_position


def undefined(it, cases, axis):
    """The error that says why there is no value, if there is none."""
    if names_a_position(it.loss, it.variant, cases[0], axis):
        return LossIndexError
    entry = next(v for v in it.function.entry.variants if v.suffix == it.variant.suffix)
    return LossValueError if axis in entry.nonempty else None


@pytest.mark.parametrize(("loss", "variant", "axis"), EMPTY)
def test_an_axis_of_length_zero(loss, variant, axis):
    it, cases = emptied(loss, variant, axis)
    given = it.of(cases)
    error = undefined(it, cases, axis)
    for reduction in ("sum", "mean", "none") if it.has_values else ("sum", "mean"):
        if error is not None:
            with pytest.raises(error, match=f"axis {axis} is empty"):
                it.function(**given, reduction=reduction)
            continue
        value, gradients = it.function.value_and_grad(**given, reduction=reduction)
        if reduction == "none":
            reduction, value = "sum", np.sum(value)
        assert float(value) == pytest.approx(exact(it, cases, reduction), rel=1e-12, abs=1e-300, nan_ok=True)
        for name, gradient in zip(it.predictions, as_list(gradients), strict=True):
            assert gradient.shape == given[name].shape


@pytest.mark.parametrize(("loss", "variant", "axis"), EMPTY)
def test_derivatives_beside_an_axis_of_length_zero(loss, variant, axis):
    it, cases = emptied(loss, variant, axis)
    if undefined(it, cases, axis) is not None:
        return
    given = it.of(cases)
    floats = [tensor for tensor in variant.program.inputs if tensor.dtype == "float"]
    gradients = it.function.grad(**given, reduction="sum", wrt=tuple(tensor.name for tensor in floats))
    for tensor, gradient in zip(floats, gradients, strict=True):
        shape = cases[0].inputs[tensor.name].shape
        if 0 in shape:
            assert gradient.size == 0
            continue
        places = list(itertools.product(*map(range, shape)))
        truths = np.array(
            [
                [float(it.oracle.truth(case, Request("gradient", (tensor.name, place)))) for place in places]
                for case in cases
            ]
        ).reshape(len(cases), *shape)
        if tensor.name in it.arrangement.placements:
            got = it.arrangement.split(tensor.name, gradient, shape)
        else:
            got, truths = gradient, truths.sum(axis=0)
        finite = np.isfinite(truths)
        np.testing.assert_allclose(got[finite], truths[finite], rtol=1e-12, err_msg=tensor.name)
    tangents = tuple(np.ones_like(given[name]) for name in it.predictions)
    products = it.function.hvp(**given, v=tangents if len(tangents) > 1 else tangents[0], reduction="sum")
    for name, product in zip(it.predictions, as_list(products), strict=True):
        assert product.shape == given[name].shape


def test_some_axes_are_refused():
    assert any(undefined(*emptied(*p.values), p.values[2]) is LossIndexError for p in EMPTY)
    assert any(undefined(*emptied(*p.values), p.values[2]) is LossValueError for p in EMPTY)
