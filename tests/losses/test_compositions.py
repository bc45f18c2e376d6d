"""Sums of losses: each term by its own rule, with weights, masks, gradients and derivatives by parameters."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from lossgen import LossIndexError, LossTypeError, LossValueError
from lossgen.derive.routines import routines
from lossgen.lower import lower, passes_over
from lossgen.oracle.evaluate import Case, Oracle, Request
from lossgen.runtime.example import example
from lossgen.spec.registry import load
from lossgen.stabilize.clean import clean
from lossgen.stabilize.lift import lift

from .discovery import UNSEEN, exact, per_sample, subject

LOSSES = {loss.name: loss for loss in load(UNSEEN / "composed.py")}
# Ignored classes, own means, terms of unequal shapes, sums within sums; the others in the full tier.
FIRST = ("nested", "three_rules", "segments")
ALL = [
    pytest.param(loss, id=name, marks=[] if name in FIRST else [pytest.mark.full])
    for name, loss in LOSSES.items()
]
WEIGHTS = [0.5, 0.0, 3.0, 1.25, 2.0, 0.75]
KEEP = [True, True, False, True, False, True]
# What each is made of, and whether its terms have equal shapes.
ONE_TERM = ("robust", "halved", "offset", "nested", "ordered", "two_views", "region")
SEVERAL = {"uneven": True, "three_rules": True, "overlap_and_error": False, "segments": False}


def whole(name, package):
    loss = LOSSES[name]
    return subject(loss, loss.variants[0], count=6, package=package, seed=3)


def with_ignored(it):
    """The samples, with one that some parts leave out and others do not."""
    if not SEVERAL.get(it.loss.name):
        return it.cases
    ignored = np.asarray(it.cases[1].inputs["y"])
    return [Case({**case.inputs, "ignore_index": ignored}) for case in it.cases]


def oracle_gradient(it, cases, weights, reduction, name):
    """Return the gradient of the reduced loss by the entries of one array or parameter, sample by sample."""
    program = it.variant.program
    shape = cases[0].inputs[name].shape
    total = np.zeros((len(cases), *shape))
    for term in program.terms:
        alone = Oracle(replace(program, terms=(replace(term, coefficient=sp.S.One),)))
        below = sum(
            parts[0] * (w if term.mean_weighted or reduction == "weighted_mean" else 1.0)
            for case, w in zip(cases, weights, strict=True)
            for parts in alone.divisor(case)[0].values()
            if parts is not None
        )
        share = float(term.coefficient) / (1.0 if reduction == "sum" else below)
        for row, (case, w) in enumerate(zip(cases, weights, strict=True)):
            for place in itertools.product(*map(range, shape)):
                slope = float(alone.truth(case, Request("gradient", (name, place))))
                total[(row, *place)] += share * w * slope
    return total


@pytest.mark.parametrize("reduction", ["mean", "sum", "weighted_mean"])
@pytest.mark.parametrize("loss", ALL)
def test_each_term_is_reduced_by_its_own_rule(loss, reduction, package):
    it = whole(loss.name, package)
    cases = with_ignored(it)
    given = it.of(cases)
    batch = it.arrangement.placements[it.predictions[0]].batch
    shape = tuple(np.shape(given[it.predictions[0]])[dim] for dim in batch)
    weight = np.reshape(WEIGHTS[: len(cases)], shape) if loss.name != "ordered" else None
    weights = WEIGHTS[: len(cases)] if weight is not None else [1.0] * len(cases)
    value, gradient = it.function.value_and_grad(**given, weight=weight, reduction=reduction)
    assert float(value) == pytest.approx(exact(it, cases, reduction, weights), rel=1e-12)
    np.testing.assert_array_equal(it.function(**given, weight=weight, reduction=reduction), value)
    truth = oracle_gradient(it, cases, weights, reduction, "x")
    own = it.arrangement.split("x", gradient, cases[0].inputs["x"].shape)
    np.testing.assert_allclose(own, truth, rtol=1e-10, atol=1e-13 * np.abs(truth).max())
    if weight is not None:
        keep = np.array(KEEP[: len(cases)])
        kept = [case for case, k in zip(cases, keep, strict=True) if k]
        masked = it.function(**given, weight=weight, where=keep.reshape(shape), reduction=reduction)
        own_weights = [w for w, k in zip(weights, keep, strict=True) if k]
        assert float(masked) == pytest.approx(exact(it, kept, reduction, own_weights), rel=1e-12)


@pytest.mark.parametrize("loss", ALL)
def test_gradients_by_parameters(loss, package):
    it = whole(loss.name, package)
    given = it.given
    names = [t.name for t in loss.variants[0].program.inputs if t.role in ("param", "per_class")]
    floats = [n for n in names if it.cases[0].inputs[n].dtype.kind == "f"]
    if not floats:
        return
    gradients = it.function.grad(**given, wrt=tuple(floats), upstream=0.5)
    for name, gradient in zip(floats, gradients, strict=True):
        truth = oracle_gradient(it, it.cases, [1.0] * len(it.cases), "mean", name).sum(axis=0)
        np.testing.assert_allclose(gradient, 0.5 * truth, rtol=1e-10, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("loss", ALL)
def test_terms_and_shapes(loss, package):
    name = loss.name
    it = whole(name, package)
    terms = len(loss.variants[0].program.terms)
    assert (name in ONE_TERM) != (name in SEVERAL)
    assert (terms == 1) == (name in ONE_TERM)
    given = it.given
    if SEVERAL.get(name, True):
        values = per_sample(it, it.function(**given, reduction="none"))
        truths = [float(it.oracle.truth(case, Request("value"))) for case in it.cases]
        np.testing.assert_allclose(values.sum(axis=1), truths, rtol=1e-12)
        out = np.empty_like(it.function(**given, reduction="none"))
        assert it.function(**given, reduction="none", out=out) is out
        upstream = np.linspace(0.5, 1.5, out.size).reshape(out.shape)
        gradient = it.function.grad(**given, reduction="none", upstream=upstream)
        np.testing.assert_allclose(gradient, it.function.grad(**given, reduction="sum", weight=upstream))
    else:
        with pytest.raises(LossValueError, match="no reduction='none': its terms differ in shape"):
            it.function(**given, reduction="none")
        with pytest.raises(LossTypeError, match="no grad_and_hess: its terms differ in shape"):
            it.function.grad_and_hess(**given)
        with pytest.raises(LossValueError, match="weight has shape"):
            it.function(**given, weight=np.ones(given["x"].shape))


def test_a_label_that_some_parts_read_must_be_valid(package):
    x, y = np.zeros((3, 4)), np.array([0, -100, 3])
    assert np.isfinite(package.two_views(x, y))
    for name in ("uneven", "three_rules"):
        with pytest.raises(LossIndexError, match=r"y\[1\] = -100 is out of range"):
            getattr(package, name)(x, y)


def test_only_sites_that_are_left_out_need_no_class(package):
    x, y = np.zeros((2, 3, 4)), np.ones((2, 3, 4))
    label = np.array([[0, -100, 2, 1], [-100, 1, 1, 0]])
    assert np.isfinite(package.segments(x, y, label))
    for reduction in ("mean", "sum"):
        with pytest.raises(LossIndexError, match=r"label\[0, 1\] = -100 is out of range"):
            package.segments(x, y, label, ignore_index=2, reduction=reduction)
    with pytest.raises(LossValueError, match="label must have the shape of x without its axis C"):
        package.segments(x, y, np.zeros((2, 3, 4), int))


@pytest.mark.parametrize("loss", ALL)
def test_every_sum_has_an_example(loss, package):
    function = getattr(package, loss.name)
    assert np.isfinite(function(**example(function.entry)))


@pytest.mark.parametrize("kind", ["value", "gradient"])
@pytest.mark.parametrize("name", list(LOSSES))
def test_passes_are_those_of_the_costlier_part(name, kind):
    def passes(program):
        function = lower(clean(routines(lift(program))[kind]))
        return max(passes_over(function, tensor.name) for tensor in program.predictions)

    program = LOSSES[name].variants[0].program
    row = {axis.dims for axis in program.predictions[0].axes} == {"1"}
    if row and len({term.keep for term in program.terms}) > 1:
        return  # each part of such a row has a branch of its own; the row stays in cache
    assert passes(program) <= max(passes(replace(program, terms=(term,))) for term in program.terms)
    if name in ("region", "overlap_and_error"):
        assert passes(program) == (2 if kind == "gradient" else 1)
