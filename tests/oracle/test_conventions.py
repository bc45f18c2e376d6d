"""What the oracle says at kinks, ties, ends of domains and where nothing finite exists."""

import math

import numpy as np
import pytest

from lossgen.oracle.evaluate import Case, Oracle, Request
from lossgen.spec import (
    Abs,
    Class,
    Eq,
    Int,
    Max,
    Min,
    Ne,
    PerClass,
    Pred,
    Sum,
    Target,
    axis,
    detach,
    exp,
    index,
    log,
    loss,
    sample,
    sort,
    sqrt,
    where,
)

K = axis("K", dims="-1")


@loss(family="test")
def absolute(x: Pred, y: Target):
    """Kink at a tie."""
    return Abs(x - y)


@loss(family="test")
def hinge(x: Pred, y: Target):
    """Maximum with a constant."""
    return Max(1 - x * y, 0) ** 2 + Max(1 - x * y, 0)


@loss(family="test")
def larger(x: Pred, y: Pred):
    """Maximum of two that vary, minus a quarter of their minimum."""
    return Max(x, y) - Min(x, y) / 4


@loss(family="test")
def shifted(x: Pred, y: Pred):
    """The larger of two numbers, after both have been added to 1."""
    return Max(1 + x, 1 + y)


@loss(family="test")
def distances(x: Pred, y: Pred, z: Pred):
    """The smaller of two distances that have the same formula."""
    return Min(sqrt((x - z) ** 2 + 1), sqrt((y - z) ** 2 + 1))


@loss(family="test")
def length(x: Pred[K]):
    """Euclidean norm."""
    k = index(K)
    return sqrt(Sum(x[k] ** 2, k))


@loss(family="test")
def largest(x: Pred[K]):
    """Maximum over an axis: the first of equal entries owns it."""
    k = index(K)
    return Max(x[k], k)


@loss(family="test")
def ranked(x: Pred[K]):
    """Sorted entries times their rank."""
    k, j = index(K), index(K)
    order = sort("order", x[k], k, descending=True)
    return Sum((j + 1) * x[order[j]], j)


@loss(family="test")
def entropy(x: Pred.nonnegative):
    """0 log 0 = 0 by choice."""
    return where(Eq(x, 0), 0, x * log(x))


@loss(family="test")
def surprise(x: Pred.nonnegative, y: Target):
    """Unprotected logarithm."""
    return -y * log(x)


@loss(family="test")
def held(x: Pred):
    """The square whose second factor is a constant to the derivative."""
    return x * detach(x) + exp(x) - detach(exp(x))


@loss(family="test")
def picked(x: Pred[K], y: Class[K], class_weight: PerClass[K] = 1, left_out: Int = -7):
    """One entry of a row, unless the label says that the row is left out."""
    return sample(class_weight[y] * x[y] ** 2, keep=Ne(y, left_out), mean_by=class_weight[y])


def case(**inputs):
    return Case({k: np.asarray(v, np.int64 if isinstance(v, int) else np.float64) for k, v in inputs.items()})


def ask(declared, kind, inputs, *place, tangent=()):
    request = Request(kind, (place[0], tuple(place[1:])) if place else None, tangent=tuple(tangent))
    return Oracle(declared.variants[0].program).truth(inputs, request)


def number(*args, **kwargs):
    truth = ask(*args, **kwargs)
    assert truth.status == "ok"
    return float(truth)


def test_the_tie_of_an_absolute_value_has_slope_zero():
    assert number(absolute, "gradient", case(x=0.3, y=0.3), "x") == 0
    assert number(absolute, "gradient", case(x=np.nextafter(0.3, 1), y=0.3), "x") == 1
    assert number(absolute, "gradient", case(x=np.nextafter(0.3, 0), y=0.3), "x") == -1


def test_the_tie_with_a_constant_has_slope_zero():
    for kind in ("value", "gradient", "hessian"):
        assert number(hinge, kind, case(x=2.0, y=0.5), *("x" if kind != "value" else ())) == 0
    assert number(hinge, "gradient", case(x=0.0, y=0.5), "x") == -1.5
    assert number(hinge, "hessian", case(x=0.0, y=0.5), "x") == 0.5


def test_the_tie_of_two_that_vary_is_split():
    assert number(larger, "gradient", case(x=1.0, y=1.0), "x") == 0.375
    assert number(larger, "gradient", case(x=1.0, y=0.0), "x") == 1
    assert number(larger, "gradient", case(x=0.0, y=1.0), "x") == -0.25


def test_what_differs_in_the_thousandth_bit_is_no_tie():
    assert number(shifted, "gradient", case(x=1e-300, y=0.0), "x") == 1
    assert number(shifted, "gradient", case(x=0.0, y=1e-300), "x") == 0


def test_ties_of_roots_are_ties_in_second_derivatives():
    given = case(x=1.5, y=1.5, z=-0.3)
    assert number(
        distances, "hvp", given, "z", tangent=[(("x", ()), 1.0), (("y", ()), 0.5)]
    ) == pytest.approx(-0.75 / (1.8**2 + 1) ** 1.5, rel=1e-12)


def test_the_norm_is_flat_at_zero():
    at_zero = case(x=[0.0, -0.0])
    for kind in ("value", "gradient", "hessian"):
        assert number(length, kind, at_zero, *(("x", 0) if kind != "value" else ())) == 0
    assert number(length, "hvp", at_zero, "x", 0, tangent=[(("x", (1,)), 1.0)]) == 0
    assert number(length, "gradient", case(x=[3e-200, -4e-200]), "x", 1) == -0.8


def test_the_first_maximum_owns_the_gradient():
    gradient = [number(largest, "gradient", case(x=[1.0, 2.0, 2.0]), "x", k) for k in range(3)]
    assert gradient == [0, 1, 0]


def test_equal_keys_keep_their_order():
    gradient = [number(ranked, "gradient", case(x=[5.0, 7.0, 5.0]), "x", k) for k in range(3)]
    assert gradient == [2, 1, 3]


def test_a_branch_that_is_not_taken_is_not_evaluated():
    assert number(entropy, "value", case(x=0.0)) == 0
    assert number(entropy, "gradient", case(x=0.0), "x") == 0
    assert number(entropy, "gradient", case(x=1.0), "x") == 1


def test_infinities_and_what_does_not_exist():
    assert number(surprise, "value", case(x=0.0, y=2.0)) == math.inf
    assert number(surprise, "value", case(x=0.0, y=-2.0)) == -math.inf
    assert number(surprise, "value", case(x=0.0, y=0.0)) == 0  # 0 log 0 = 0
    assert ask(surprise, "gradient", case(x=0.0, y=1.0), "x").status == "undefined"


def test_what_is_detached_is_a_constant():
    assert number(held, "value", case(x=3.0)) == 9
    assert number(held, "gradient", case(x=3.0), "x") == pytest.approx(3 + math.exp(3), rel=1e-15)
    assert number(held, "value", case(x=1e300)) == math.inf  # 1e600, rounded
    assert number(held, "hessian", case(x=1.0), "x") == pytest.approx(math.e, rel=1e-15)


def test_a_row_that_is_left_out_is_never_read():
    inputs = case(x=[1.0, 3.0], y=-7, class_weight=[2.0, 5.0], left_out=-7)
    assert number(picked, "value", inputs) == 0
    assert number(picked, "gradient", inputs, "x", 0) == 0
    oracle = Oracle(picked.variants[0].program)
    assert oracle.divisor(inputs) == [{(): None}]
    inputs.inputs["y"] = np.asarray(1)
    assert number(picked, "value", inputs) == 45
    assert oracle.divisor(inputs) == [{(): (5.0, 1.0)}]


def test_a_point_beyond_the_precision_allowed_is_uncertified():
    @loss(family="test")
    def stubborn(x: Pred):
        return log(1 + exp(-x)) - log((1 + exp(x)) / exp(x)) + 1

    hard = Oracle(stubborn.variants[0].program, last_bits=128)
    assert hard.truth(case(x=1e-3), Request("value")).status == "ok"

    @loss(family="test")
    def lost(x: Pred):
        return log(exp(x) + 1) - x

    low = Oracle(lost.variants[0].program, last_bits=128)
    assert low.truth(case(x=300.0), Request("value")).status == "uncertified"
    assert float(Oracle(lost.variants[0].program).truth(case(x=300.0), Request("value"))) == pytest.approx(
        math.exp(-300), rel=1e-15
    )
