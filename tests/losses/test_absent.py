"""Samples masked out of a loss that has several values per sample, or compares samples: as if not there."""

import numpy as np
import pytest

from lossgen.errors import LossValueError
from lossgen.oracle.evaluate import Case, Request

from .discovery import SINGLE_TERM, as_list, subject

ITEMS = [param for param in SINGLE_TERM if param.values[1].program.terms[0].items]


def _left_out(it):
    """Return the spoilt arguments, the mask, and the samples that are kept, each with its places of old."""
    if not _of_samples(it):
        middle = {
            tensor.name: np.full_like(it.cases[1].inputs[tensor.name], np.nan)
            for tensor in it.variant.program.predictions
        }
        spoilt = [it.cases[0], Case({**it.cases[1].inputs, **middle}), it.cases[2]]
        values = it.function(**it.given, reduction="none")
        mask = np.array([True, False, True]).reshape(-1, *(1,) * (values.ndim - 1))
        return it.of(spoilt), mask, [it.cases[0], it.cases[2]], [0, 2]
    case = it.cases[0]
    (item,) = it.variant.program.terms[0].items
    axes = it.function.entry.axes
    samples = {name for name, axis in axes.items() if item.axis.name in (name, axis.equals)}
    cut, spoilt = dict(case.inputs), dict(case.inputs)
    for tensor in it.variant.program.inputs:
        for dim, axis in enumerate(tensor.axes):
            if axis.name in samples:
                cut[tensor.name] = np.delete(cut[tensor.name], 1, axis=dim)
                spoilt[tensor.name] = np.array(spoilt[tensor.name])
                np.moveaxis(spoilt[tensor.name], dim, 0)[1] = np.nan
    values = it.function(**it.of([case]), reduction="none")
    mask = (np.arange(len(values)) != 1).reshape(-1, *(1,) * (values.ndim - 1))
    return it.of([Case(spoilt)]), mask, [Case(cut)], [0]


@pytest.mark.parametrize(("loss", "variant"), ITEMS)
def test_a_masked_sample_is_as_if_not_there(loss, variant):
    it = subject(loss, variant, count=3)
    whole = it.function(**it.given, reduction="none")
    if not it.arrangement.batched and not _of_samples(it):
        with pytest.raises(LossValueError, match=r"takes no where here: .* leave"):
            it.function(**it.given, where=np.ones(whole.shape, bool))
        return
    given, mask, kept, rows = _left_out(it)
    exact = sum(float(it.oracle.truth(case, Request("value"))) for case in kept)
    value, gradients = it.function.value_and_grad(**given, where=mask, reduction="sum")
    assert float(value) == pytest.approx(exact, rel=1e-11)
    directions = [np.ones_like(given[name]) for name in it.predictions]
    v = directions if len(directions) > 1 else directions[0]
    products = as_list(it.function.hvp(**given, v=v, where=mask, reduction="sum"))
    for name, gradient, product in zip(it.predictions, as_list(gradients), products, strict=True):
        shape = it.cases[0].inputs[name].shape
        for kind, got in (("gradient", gradient), ("hvp", product)):
            assert np.isfinite(got).all()
            own = it.arrangement.split(name, got, shape)
            truth = np.zeros_like(own)
            for row, case in zip(rows, kept, strict=True):
                small = case.inputs[name].shape
                for place in np.ndindex(small):
                    tangent = _ones(it, case) if kind == "hvp" else ()
                    asked = Request(kind, (name, place), tangent=tangent)
                    moved = tuple(
                        p + (p >= 1 and a != b) for p, a, b in zip(place, small, shape, strict=True)
                    )
                    truth[(row, *moved)] = float(it.oracle.truth(case, asked))
            np.testing.assert_allclose(own, truth, rtol=1e-9, atol=1e-13 * max(1, np.abs(truth).max()))


def _ones(it, case):
    return tuple(
        ((name, place), 1.0) for name in it.predictions for place in np.ndindex(case.inputs[name].shape)
    )


def _of_samples(it):
    return {name for name, axis in it.function.entry.axes.items() if axis.dims == "0"}


def test_some_loss_has_items():
    assert ITEMS
