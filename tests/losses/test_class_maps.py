"""Targets over classes may be given as the class of each site: the same bits as spelled out."""

import numpy as np
import pytest

from lossgen.errors import LossIndexError, LossValueError

from .discovery import LOSSES, VARIANTS, subject

MAPPED = [p for p in VARIANTS if any(one.spells is not None for one in p.values[0].parameters)]


def spelled(loss):
    """Return what a loss takes as indices, and the dimension that these lack."""
    (target,) = (one for one in loss.parameters if one.spells is not None)
    return target, int(target.spells.dims)


def both_ways(it, dtype=np.int64, mark=None):
    """Return the arguments of a call with classes as indices and with the same spelled out."""
    target, dim = spelled(it.loss)
    given = it.given
    shape = given[target.name].shape
    rng = np.random.default_rng(5)
    classes = rng.integers(0, shape[dim], shape[:dim] + shape[dim + 1 :])
    numbers = np.moveaxis(np.eye(shape[dim])[classes], -1, dim)
    if mark is not None:
        left_out = rng.random(classes.shape) < 0.3
        classes = np.where(left_out, mark, classes)
        numbers = np.where(np.expand_dims(left_out, dim), mark, numbers)
        given[target.marked_by] = mark
    return {**given, target.name: classes.astype(dtype)}, {**given, target.name: numbers}


@pytest.mark.parametrize(("loss", "variant"), MAPPED)
def test_classes_are_what_they_spell(loss, variant):
    it = subject(loss, variant, count=3)
    target, _ = spelled(loss)
    marks = (-100, 255) if dict(variant.static).get(target.marked_by) else (None,)
    for mark in marks:
        indices, numbers = both_ways(it, np.int16, mark)
        for one, other in zip(
            it.function.value_and_grad(**indices), it.function.value_and_grad(**numbers), strict=True
        ):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "loss", [one for one in LOSSES if any(p.spells for p in one.parameters)], ids=lambda loss: loss.name
)
def test_classes_out_of_range_are_refused(loss):
    it = subject(loss, loss.variants[0], count=2)
    target, dim = spelled(loss)
    given, numbers = both_ways(it)
    for wrong in (-1, numbers[target.name].shape[dim]):
        classes = given[target.name].copy()
        classes[(0,) * (classes.ndim - 1) + (-1,)] = wrong
        with pytest.raises(
            LossIndexError, match=rf"^{target.name}\[.* = {wrong} is out of range: class indices"
        ):
            it.function(**{**given, target.name: classes})
    with pytest.raises(LossValueError, match=f"^{target.marked_by} has shape"):
        it.function(**{**given, target.marked_by: np.full(2, -1)})
    # Shares of classes must have the axis: they are no indices.
    with pytest.raises(LossValueError, match="equal shapes"):
        it.function(**{**given, target.name: given[target.name].astype(np.float64)})


def test_some_loss_takes_classes():
    assert MAPPED
