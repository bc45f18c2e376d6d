"""The judge lets rounding pass and nothing else."""

import math

import numpy as np
import pytest

from lossgen.oracle.evaluate import Case, Oracle, Request
from lossgen.oracle.judge import judge
from lossgen.oracle.marks import marks
from lossgen.oracle.samplers import SAMPLERS, batches
from lossgen.spec import Max, Pred, Sum, Target, axis, define, exp, index, log, loss
from tests.shipped import VARIANTS

K = axis("K", dims="-1")


@loss(family="test")
def difference(x: Pred, y: Target):
    """Cancels where x is near y."""
    return exp(x) - exp(y)


@loss(family="test")
def total(x: Pred[K]):
    """A sum that may cancel."""
    k = index(K)
    return Sum(x[k] ** 3, k)


@loss(family="test")
def step(x: Pred, y: Target):
    """A hinge: its gradient jumps."""
    return Max(1 - x * y, 0)


def verdict(declared, inputs, got, kind="value", place=None, dtype=np.float64, bound=8):
    case = Case({name: np.asarray(value, dtype) for name, value in inputs.items()})
    return judge(Oracle(declared.variants[0].program), case, Request(kind, place), got, dtype, bound)


@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_correct_rounding_passes_and_other_numbers_do_not(loss, variant, dtype):
    oracle, wrong = Oracle(variant.program), 0
    for batch in batches(loss, variant, oracle, "practical", 6, dtype, 11):
        for case in batch.cases:
            truth = oracle.truth(case, Request("value"), dtype)
            exact = float(truth)
            good = judge(oracle, case, Request("value"), dtype(exact), dtype, 8)
            assert good.passed
            assert good.ulps <= 0.5
            if math.isfinite(exact) and abs(exact) > 1e-30:
                assert not judge(oracle, case, Request("value"), np.nan, dtype, 8).passed
                assert not judge(oracle, case, Request("value"), np.inf, dtype, 8).passed
                wrong += judge(oracle, case, Request("value"), dtype(exact * 1.01), dtype, 8).passed is False
    assert wrong >= 2


def test_cancelled_digits_pass_and_lost_ones_do_not():
    x, y = 2.0, 2.0 + 2.0**-40
    exact = math.exp(2) * -math.expm1(2.0**-40)
    naive = math.exp(x) - math.exp(y)
    assert verdict(difference, {"x": x, "y": y}, naive).reason == "moved inputs"
    assert verdict(difference, {"x": x, "y": y}, exact).reason == "ulp"
    assert not verdict(difference, {"x": x, "y": y}, exact * (1 + 1e-2)).passed


def test_sums_are_judged_by_their_absolute_terms():
    inputs = {"x": [1e5, -1e5, 1e-3]}
    assert verdict(total, inputs, 1e-9 + 0.1).reason == "moved inputs"
    assert not verdict(total, inputs, 1e-9 + 20).passed
    assert not verdict(total, {"x": [1.0, 1.0, 1.0]}, 3 * (1 + 1e-13)).passed


def test_a_jump_within_reach_of_the_inputs_passes_on_both_sides():
    x = np.nextafter(3.0, 0)
    near = {"x": x, "y": 1 / 3}
    for gradient in (0.0, -1 / 3):
        assert verdict(step, near, gradient, "gradient", ("x", ())).passed
    assert verdict(step, near, -1 / 4, "gradient", ("x", ())).reason != "ulp"
    assert not verdict(step, {"x": 2.9, "y": 1 / 3}, 0.0, "gradient", ("x", ())).passed


def test_labels_that_are_zero_or_one_stay_fixed():
    # With y = 1 fixed and x = 0 only a move of y could excuse the error.
    assert not verdict(difference, {"x": 0.0, "y": 1.0}, (1 - math.e) * (1 + 1e-15 * 6), bound=2).passed


def test_zero_for_a_number_is_a_failure():
    assert verdict(difference, {"x": -800.0, "y": -801.0}, 0.0).passed
    assert verdict(difference, {"x": -700.0, "y": -701.0}, 0.0).reason == "zero"


def test_overflow_is_infinite():
    assert verdict(difference, {"x": 800.0, "y": 1.0}, math.inf).passed
    assert not verdict(difference, {"x": 800.0, "y": 1.0}, -math.inf).passed
    assert not verdict(difference, {"x": 700.0, "y": 1.0}, math.inf).passed
    assert verdict(total, {"x": [1e103, -1e103, 1.0]}, math.nan).reason == "overflow"


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_samples_are_in_their_domains_and_repeat(loss, variant, sampler):
    oracle = Oracle(variant.program)
    first, second = (
        [case for batch in batches(loss, variant, oracle, sampler, 8, np.float32, 1) for case in batch.cases]
        for _ in range(2)
    )
    assert len(first) == len(second) == 8
    for case, again in zip(first, second, strict=True):
        for tensor in variant.program.inputs:
            array = case.inputs[tensor.name]
            np.testing.assert_array_equal(array, again.inputs[tensor.name])
            if tensor.dtype == "int":
                continue
            assert array.dtype == np.float32
            assert np.isfinite(array).all()
            if (mark := marks(variant.program).get(tensor.name)) is not None:
                array = array[array != case.inputs[mark]]
            if tensor.domain in ("unit", "binary"):
                assert ((array >= 0) & (array <= 1)).all()
            if tensor.domain == "positive":
                assert (array > 0).all()
            if tensor.domain == "nonnegative":
                assert (array >= 0).all()
            if tensor.domain in ("binary", "sign"):
                assert np.isin(array, (0, 1) if tensor.domain == "binary" else (-1, 1)).all()
        truth = oracle.truth(case, Request("value"), np.float32)
        assert truth.status == "ok"


N = axis("N", dims="0")


@loss(family="test")
def products(a: Pred[N], b: Pred[N]):
    """A softmax over products: what decides between two of them may be absorbed."""
    i, j = index(N), index(N)
    s = define("s", (i,), a[i] * b[i])
    return log(Sum(exp(s[j]), j))


def test_what_rounding_absorbs_ties():
    # The products differ by one ulp, 256: rounded once more they tie, and the shares are 1/2.
    inputs = {"a": [2.0**60, 2.0**-10], "b": [1.0, 2.0**70 + 2.0**18]}
    assert verdict(products, inputs, 0.5, "gradient", ("a", (0,))).reason == "moved inputs"
    assert not verdict(products, {"a": [1.0, 2.0], "b": [1.0, 1.0]}, 0.5, "gradient", ("a", (0,))).passed


@loss(family="test")
def contest(a: Pred[N], b: Pred):
    """The derivative by `b` is a sum over an intermediate tensor."""
    i, j = index(N), index(N)
    s = define("s", (i,), a[i] * b)
    return Sum(s[j] ** 3, j)


def test_derivatives_that_are_sums_are_judged_by_their_absolute_terms():
    inputs = {"a": [1e5, -1e5, 1e-3], "b": 1.0}
    assert verdict(contest, inputs, 3e-9 + 1.0, "gradient", ("b", ())).passed
    assert not verdict(contest, inputs, 3e-9 + 50, "gradient", ("b", ())).passed
    assert not verdict(contest, {"a": [1.0, 1.0], "b": 1.0}, 6 * (1 + 1e-13), "gradient", ("b", ())).passed
