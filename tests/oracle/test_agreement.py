"""The oracle agrees with an mpmath evaluator of its own, for every declared loss and every variant."""

import mpmath
import numpy as np
import pytest

from lossgen.oracle.evaluate import Oracle, Request
from lossgen.oracle.marks import marks
from lossgen.oracle.samplers import batches
from tests.shipped import VARIANTS

from .walker import mixed, slope, value

CLOSE = mpmath.mpf(2) ** -60


# Difference quotients are noise below this; values count down to the smallest float.
NOISE = mpmath.mpf(10) ** -90
LEAST = mpmath.mpf(2) ** -1082


def agree(ours, theirs, least=LEAST):
    """Whether two numbers agree to 60 bits, or both are below `least`."""
    with mpmath.workdps(60):
        if not mpmath.isfinite(theirs):
            return not ours.is_finite() and float(ours.mid()) == float(theirs)
        mine = mpmath.mpf(ours.mid().str(40, radius=False, more=True))
        return abs(mine - theirs) <= CLOSE * abs(theirs) or abs(mine - theirs) < least


def cases(loss, variant, oracle, sampler, count):
    return [c for b in batches(loss, variant, oracle, sampler, count, np.float64, 7) for c in b.cases]


@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
@pytest.mark.parametrize("sampler", ["practical", "near", "edges"])
def test_values(loss, variant, sampler):
    oracle = Oracle(variant.program)
    for case in cases(loss, variant, oracle, sampler, 4):
        if sampler == "edges" and any(np.any(np.abs(a) > 1e6) for a in case.inputs.values()):
            continue  # exp(1e308) is beyond what mpmath can hold
        truth = oracle.truth(case, Request("value"))
        assert truth.status == "ok"
        assert agree(truth.ball, value(variant.program, case, 700)), case


@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_first_derivatives(loss, variant):
    oracle, rng, judged = Oracle(variant.program), np.random.default_rng(3), 0
    marked = marks(variant.program)
    for case in cases(loss, variant, oracle, "practical", 8):
        for tensor in variant.program.differentiable:
            shape = case.inputs[tensor.name].shape
            place = (tensor.name, tuple(int(rng.integers(size)) for size in shape))
            truth = oracle.truth(case, Request("gradient", place))
            if truth.status == "undefined":
                continue
            mark = case.inputs.get(marked.get(tensor.name))
            if case.inputs[tensor.name][place[1]] in (0.0, 1.0, mark):
                continue  # the end of a domain, a kink or a jump: no difference quotient
            assert agree(truth.ball, slope(variant.program, case, place, 400), NOISE), (place, case)
            judged += 1
    assert judged >= 4


@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_second_derivatives(loss, variant):
    oracle, rng, judged = Oracle(variant.program), np.random.default_rng(5), 0
    for case in cases(loss, variant, oracle, "practical", 6):
        entries = [
            ((t.name, p), float(rng.choice((1.0, -0.75, 1.5))))
            for t in variant.program.predictions
            for p in np.ndindex(case.inputs[t.name].shape)
        ]
        place = entries[int(rng.integers(len(entries)))][0]
        product = oracle.truth(case, Request("hvp", place, tangent=tuple(entries)))
        if product.status == "undefined":
            continue
        assert agree(product.ball, mixed(variant.program, case, place, entries, 500), NOISE), (place, case)
        diagonal = oracle.truth(case, Request("hessian", place))
        assert agree(diagonal.ball, mixed(variant.program, case, place, ((place, 1.0),), 500), NOISE), (
            place,
            case,
        )
        judged += 1
    assert judged >= 2
