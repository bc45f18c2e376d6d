"""Infinities, NaN, nothing, one of each, and rows that are all left out."""

import math

import numpy as np
import pytest
import sympy as sp

from lossgen.algebra.tensors import Element, tensors
from lossgen.oracle.evaluate import Case, Request
from lossgen.oracle.verify import verify_variant

from .discovery import BATCHED, DEFAULTS, SINGLE_TERM, TYPED, VARIANTS, beside, per_sample, subject

# Two magnitudes on the way to infinity: where the exact results at both agree they are the limit.
FAR = (2.0**900, 2.0**1000)


def total(it, case):
    """The summed loss of one sample as the kernels compute it."""
    return float(it.function(**it.of([case]), reduction="sum"))


def places(it, case, roles=("pred", "target")):
    for tensor in it.variant.program.inputs:
        if tensor.role in roles and tensor.dtype == "float":
            for position in np.ndindex(case.inputs[tensor.name].shape):
                yield tensor, (tensor.name, position)


def _depends(it, case, place):
    # A lattice computes states that no path to its end goes through: there, what counts is the value.
    if it.loss.structure == "recurrence":
        moved = case.moved(place, case.inputs[place[0]][place[1]] + 1)
        return float(it.oracle.truth(moved, Request("value"))) != float(
            it.oracle.truth(case, Request("value"))
        )
    return it.oracle.reads(case, place)


@pytest.mark.parametrize(("loss", "variant", "dtype"), TYPED)
def test_nan_in_nan_out(loss, variant, dtype):
    it = subject(loss, variant, dtype, count=4)
    noticed = 0
    for case in it.cases:
        for tensor, place in places(it, case):
            if not _depends(it, case, place):
                continue
            spoilt = case.moved(place, np.nan)
            assert math.isnan(total(it, spoilt)), (place, case)
            if tensor.role == "pred":
                gradients = it.gradients(it.of([spoilt]), reduction="sum")
                shape = case.inputs[tensor.name].shape
                own = it.arrangement.split(tensor.name, gradients[it.predictions.index(tensor.name)], shape)[
                    0
                ]
                bend = float(it.oracle.truth(case, Request("hessian", place)))
                assert np.isnan(own[place[1]]) or bend == 0, (place, case)
            noticed += 1
    assert noticed >= 1


# One number may be infinite either way; scores of a row only downwards, where they leave a class out. Vectors
# have no infinite entries: their distances are inf - inf.
INFINITE = [
    beside(p, sign, f"{sign:+d}")
    for p in VARIANTS
    if len(p.values[1].program.predictions) == 1 and p.values[1].program.predictions[0].domain == "real"
    for sign in ((1, -1) if p.values[0].structure == "elementwise" else (-1,))
]


@pytest.mark.parametrize(("loss", "variant", "sign"), INFINITE)
def test_infinite_predictions_give_the_limit(loss, variant, sign):
    it, judged = subject(loss, variant, count=3), 0
    for case in it.cases:
        for _, place in places(it, case, ("pred",)):
            ends = [float(it.oracle.truth(case.moved(place, sign * far), Request("value"))) for far in FAR]
            if ends[0] == ends[1]:
                limit = ends[1]
            elif abs(ends[1]) > 2 * abs(ends[0]) > 0:
                limit = math.copysign(math.inf, ends[1])
            else:
                continue
            got = total(it, case.moved(place, sign * np.inf))
            assert got == pytest.approx(limit, rel=1e-12), (place, case)
            judged += 1
    assert judged >= 1


@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_axes_of_length_one(loss, variant):
    for case in subject(loss, variant, count=3, size=1).cases:
        it = subject(loss, variant, count=1, size=1)
        truth = float(it.oracle.truth(case, Request("value")))
        assert total(it, case) == pytest.approx(truth, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize(("loss", "variant"), BATCHED)
def test_no_samples(loss, variant):
    it = subject(loss, variant, count=2)
    given = {
        name: value[_empty(it, name)] if name in it.arrangement.placements else value
        for name, value in it.given.items()
    }
    assert it.function(**given, reduction="sum") == 0
    assert math.isnan(it.function(**given, reduction="mean"))
    for name, gradient in zip(it.predictions, it.gradients(given, reduction="sum"), strict=True):
        assert gradient.shape == given[name].shape
    if it.has_values:
        assert it.function(**given, reduction="none").size == 0


def _empty(it, name):
    placement = it.arrangement.placements[name]
    return tuple(slice(0, 0) if dim in placement.batch[:1] else slice(None) for dim in range(placement.rank))


LEAVING_OUT = [p for p in VARIANTS if tensors(p.values[1].program.terms[0].keep)]


@pytest.mark.parametrize(("loss", "variant"), LEAVING_OUT)
def test_all_samples_left_out(loss, variant):
    it = subject(loss, variant, count=4)
    inputs = {tensor.name: tensor for tensor in variant.program.inputs}
    read = {tensor.name for tensor in tensors(variant.program.terms[0].keep)}
    (label,) = (name for name in read if inputs[name].role == "class")
    (param,) = (name for name in read if inputs[name].role == "param")
    cases = [Case({**case.inputs, label: np.asarray(case.inputs[param])}) for case in it.cases]
    given = it.of(cases)
    assert it.function(**given, reduction="sum") == 0
    assert math.isnan(it.function(**given, reduction="mean"))
    np.testing.assert_array_equal(it.function(**given, reduction="none"), 0)
    for reduction in ("sum", "mean"):
        for gradient in it.gradients(given, reduction=reduction):
            np.testing.assert_array_equal(gradient, 0)


def test_some_loss_leaves_samples_out():
    assert LEAVING_OUT


@pytest.mark.parametrize(("loss", "variant"), DEFAULTS)
def test_subnormals_and_ends_of_domains(loss, variant):
    rows = verify_variant(loss, variant, dtypes=[np.float64], points=32, seed=5, samplers=("edges",))
    assert not any(row.failed for row in rows), [f for row in rows for f in row.failures]


MASKED = [p for p in BATCHED if p in SINGLE_TERM and not p.values[1].program.terms[0].items]


@pytest.mark.parametrize(("loss", "variant"), MASKED)
def test_a_masked_sample_is_never_read(loss, variant):
    it = subject(loss, variant, count=3)
    values = it.function(**it.given, reduction="none")
    spoilt = [it.cases[0], _spoilt(it, it.cases[1]), it.cases[2]]
    mask = np.array([True, False, True]).reshape(values.shape)
    masked = it.function(**it.of(spoilt), where=mask, reduction="none")
    np.testing.assert_array_equal(per_sample(it, masked)[[0, 2]], per_sample(it, values)[[0, 2]])
    np.testing.assert_array_equal(per_sample(it, masked)[1], 0)
    for name, gradient in zip(
        it.predictions, it.gradients(it.of(spoilt), where=mask, reduction="sum"), strict=True
    ):
        own = it.arrangement.split(name, gradient, it.cases[0].inputs[name].shape)
        np.testing.assert_array_equal(own[1], 0)
        assert np.isfinite(own).all()


def _spoilt(it, case):
    return Case(
        {
            tensor.name: np.full_like(case.inputs[tensor.name], np.nan)
            if tensor.dtype == "float" and tensor.role in ("pred", "target")
            else case.inputs[tensor.name]
            for tensor in it.variant.program.inputs
        }
    )


# A real target that is only read beside its exponential is a logarithm: minus infinity stands for 0.
BY_LOGARITHMS = [
    p
    for p in VARIANTS
    if p.values[0].structure == "elementwise"
    and any(
        tensor.role == "target"
        and isinstance(value := p.values[1].program.terms[0].value, sp.Mul)
        and sp.exp(Element(tensor)) in value.args
        for tensor in p.values[1].program.inputs
    )
]


@pytest.mark.parametrize(("loss", "variant"), BY_LOGARITHMS)
def test_a_target_of_probability_0_counts_nothing(loss, variant):
    it = subject(loss, variant, count=1)
    (target,) = (t.name for t in variant.program.inputs if t.role == "target")
    (pred,) = it.predictions
    given = {**it.given, pred: np.array([1.0, -np.inf, np.inf]), target: np.full(3, -np.inf)}
    np.testing.assert_array_equal(it.function(**given, reduction="none"), 0)
    for name in (pred, target):
        np.testing.assert_array_equal(it.function.grad(**given, wrt=name, reduction="sum"), 0)
    given[pred] = np.full(3, np.nan)
    assert np.isnan(it.function(**given, reduction="none")).all()


def test_some_loss_has_targets_that_are_logarithms():
    assert BY_LOGARITHMS
