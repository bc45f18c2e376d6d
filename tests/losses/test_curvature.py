"""Curvature rules by the exact expression: weights touch the loss, and lie above it where that is claimed."""

import numpy as np
import pytest

import lossgen.losses
from lossgen.errors import LossError
from lossgen.oracle.evaluate import Case, Request
from lossgen.oracle.weights import Weights
from lossgen.spec.registry import load

from .discovery import DEFAULTS, LOSSES, UNSEEN, subject

RULES = ("irls",)


def rule_of(package, loss, variant, name):
    entry = package.all()[loss.name].entry
    return next(v.curvature[name] for v in entry.variants if v.suffix == variant.suffix)


def having(name, losses, package):
    return [
        pytest.param(loss, variant, id=f"{loss.name}-{variant.suffix or 'default'}")
        for loss in losses
        for variant in loss.variants
        if rule_of(package, loss, variant, name).kind
    ]


WEIGHTED = having("irls", LOSSES, lossgen.losses)


def certainly_above(loss, variant, package):
    """Touch the loss with the parabola of a weight at one residual, and compare them at others."""
    it = subject(loss, variant, count=8, package=package)
    oracle = Weights(variant.program)
    x, y = oracle.names
    judged = 0
    for here in it.cases:
        weight = oracle.truth(here, Request("irls", (x, ()))).ball
        if weight is None or not weight.is_finite():
            continue
        r = float(here.inputs[x]) - float(here.inputs[y])
        for other in [float(case.inputs[x]) for case in it.cases] + [0.0, -r, r / 2, 8 * r]:
            there = at(here, oracle, other)
            value, start = (
                oracle.truth(case, Request("value"), np.longdouble).ball
                for case in (there, at(here, oracle, r))
            )
            parabola = start + weight * (other**2 - r**2) / 2
            slack = 1e-15 * (abs(start) + weight * (other**2 + r**2))
            assert value < parabola + slack + 1e-300, (loss.name, variant.suffix, here, other)
            judged += other != r
    return judged


def at(case, oracle, r):
    x, y = oracle.names
    return Case({**case.inputs, x: np.array(r), y: np.array(0.0)})


@pytest.mark.parametrize(("loss", "variant"), WEIGHTED)
def test_a_weight_makes_a_parabola_above_the_loss(loss, variant):
    if rule_of(lossgen.losses, loss, variant, "irls").above:
        assert certainly_above(loss, variant, lossgen.losses) >= 8


def test_weights_of_the_unseen(package):
    found = having("irls", load(UNSEEN), package)
    assert found
    for loss, variant in (param.values for param in found):
        assert certainly_above(loss, variant, package) >= 8


@pytest.mark.parametrize(("loss", "variant"), WEIGHTED)
def test_no_weight_is_negative_or_nan(loss, variant):
    it = subject(loss, variant, count=8)
    (x, y) = Weights(variant.program).names
    ties = [Case({**case.inputs, y: case.inputs[x]}) for case in it.cases]
    for cases in (it.cases, ties):
        grad, weight = it.function.grad_and_hess(**it.of(cases), curvature="irls")
        assert (weight >= 0).all()
        np.testing.assert_array_equal(grad, it.function.grad_and_hess(**it.of(cases))[0])


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("loss", "variant"), DEFAULTS)
def test_a_missing_rule_says_why_and_what_else_there_is(loss, variant, name):
    rule = rule_of(lossgen.losses, loss, variant, name)
    if rule.kind is None:
        it = subject(loss, variant, count=2)
        with pytest.raises(LossError) as error:
            it.function.grad_and_hess(**it.given, curvature=name)
        named = "curvature='exact'" if it.has_hessian else "hvp"
        assert named in str(error.value)
        assert not it.has_hessian or rule.reason in str(error.value)
