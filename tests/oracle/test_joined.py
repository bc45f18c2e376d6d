"""Bringing a program over common denominators changes nothing but the precision that it needs."""

import math

import numpy as np
import pytest

from lossgen.oracle.evaluate import Case, Oracle, Request
from lossgen.oracle.fractions import joined
from lossgen.oracle.samplers import batches
from lossgen.spec import Positive, Pred, exp, log, loss
from tests.shipped import VARIANTS

JOINED = [p for p in VARIANTS if joined(p.values[1].program) != p.values[1].program]


@pytest.mark.parametrize(("loss", "variant"), JOINED)
def test_both_forms_are_equal(loss, variant):
    # Below the precision at which the joined form is tried, an oracle uses the form it is given.
    plain = Oracle(variant.program, last_bits=512)
    other = Oracle(joined(variant.program), last_bits=512)
    compared = 0
    for sampler in ("practical", "near"):
        for batch in batches(loss, variant, plain, sampler, 6, np.float64, 2):
            for case in batch.cases:
                for request in requests(variant, case):
                    ours, theirs = plain.truth(case, request), other.truth(case, request)
                    if ours.status == theirs.status == "ok":
                        assert ours.ball.overlaps(theirs.ball)
                        compared += 1
    assert compared >= 20


def requests(variant, case):
    name = variant.program.predictions[0].name
    place = (name, tuple(0 for _ in case.inputs[name].shape))
    return Request("value"), Request("gradient", place), Request("hessian", place)


def test_it_certifies_what_no_precision_could():
    @loss(family="test")
    def rare(x: Pred):
        """Textbook cross-entropy of the negative class."""
        return -log(1 - 1 / (1 + exp(-x)))

    oracle = Oracle(rare.variants[0].program)
    assert float(oracle.truth(Case({"x": np.asarray(1e10)}), Request("value"))) == 1e10
    assert float(oracle.truth(Case({"x": np.asarray(1e300)}), Request("gradient", ("x", ())))) == 1.0


def test_it_certifies_logarithms_of_what_rounds_to_one():
    @loss(family="test")
    def damped(x: Pred, gamma: Positive = 0.5):
        """Both factors vanish at large x, and one of them is divided by its own power."""
        p = 1 / (1 + exp(-x))
        return -((1 - p) ** (gamma - 1)) * log(p)

    oracle = Oracle(damped.variants[0].program)
    case = Case({"x": np.asarray(2.9e62), "gamma": np.asarray(2.0**-200)})
    # log(p) is the odds exp(-x) there to first order, so the value is exp(-gamma * x).
    assert float(oracle.truth(case, Request("value"))) == pytest.approx(math.exp(-(2.0**-200) * 2.9e62))
