"""Recurrences and sums against enumeration of everything that they sum over."""

import itertools
import math

import numpy as np
import pytest

from lossgen.oracle.evaluate import Case, Oracle, Request
from lossgen.spec import (
    And,
    Eq,
    Labels,
    Length,
    Ne,
    Pred,
    Sum,
    axis,
    define,
    exp,
    index,
    log,
    loss,
    recurrence,
    size,
    where,
)

T = axis("T", dims="0")
C = axis("C", dims="-1")
U = axis("U", dims="-1")
S = axis("S", extent=2 * size(U) + 1)
I = axis("I", dims="0")  # noqa: E741
J = axis("J", dims="1")


@loss(family="test")
def alignments(x: Pred[T, C], y: Labels[U, C], frames: Length[T], labels: Length[U]):
    """Probability of all paths that collapse to the labels (blank 0), as a negative logarithm."""
    t, s = index(T), index(S)
    odd = Eq(s % 2, 1)
    label = where(odd, y[s // 2], 0)

    def step(a):
        jump = where(And(odd, s >= 3), where(Ne(y[s // 2], y[s // 2 - 1]), a[t - 1, s - 2], 0), 0)
        return where(Eq(t, 0), where(s <= 1, 1, 0), a[t - 1, s] + a[t - 1, s - 1] + jump) * exp(x[t, label])

    a = recurrence("a", (t, s), step, positive=True)
    last = size(S) - 1
    return -log(a[size(T) - 1, last] + where(size(U) > 0, a[size(T) - 1, last - 1], 0))


def collapsed(path):
    return [label for label, group in itertools.groupby(path) for _ in [next(group)] if label]


@pytest.mark.parametrize("labels", [(), (1,), (1, 2), (1, 1), (2, 1, 2)])
@pytest.mark.parametrize("frames", [1, 2, 4])
def test_alignments_are_all_paths(frames, labels):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 3))
    padded = np.array([*labels, 2, 2], np.int64)
    case = Case({"x": x, "y": padded, "frames": np.asarray(frames), "labels": np.asarray(len(labels))})
    oracle = Oracle(alignments.variants[0].program)
    weights = {
        path: math.exp(math.fsum(x[t, c] for t, c in enumerate(path)))
        for path in itertools.product(range(3), repeat=frames)
        if collapsed(path) == list(labels)
    }
    total = math.fsum(weights.values())
    value = oracle.truth(case, Request("value"))
    if not weights:
        assert float(value) == math.inf
        assert oracle.truth(case, Request("gradient", ("x", (0, 0)))).status == "undefined"
        return
    assert float(value) == pytest.approx(-math.log(total), rel=1e-13, abs=1e-15)
    for t, c in np.ndindex(x.shape):
        occupied = math.fsum(w for path, w in weights.items() if t < frames and path[t] == c)
        gradient = float(oracle.truth(case, Request("gradient", ("x", (t, c)))))
        assert gradient == pytest.approx(-occupied / total, rel=1e-13, abs=1e-15)


@loss(family="test")
def cheapest(x: Pred[I, J]):
    """Log-sum-exp over all monotone paths through a matrix of costs, by its recurrence."""
    i, j = index(I), index(J)

    def step(r):
        start = where(And(Eq(i, 0), Eq(j, 0)), 1, 0)
        return exp(-x[i, j]) * (start + r[i - 1, j] + r[i, j - 1] + r[i - 1, j - 1])

    r = recurrence("r", (i, j), step, positive=True)
    return -log(r[size(I) - 1, size(J) - 1])


def paths(place, end):
    if place == end:
        yield [place]
        return
    for move in ((1, 0), (0, 1), (1, 1)):
        step = (place[0] + move[0], place[1] + move[1])
        if step[0] <= end[0] and step[1] <= end[1]:
            for rest in paths(step, end):
                yield [place, *rest]


def test_a_lattice_is_the_sum_over_its_paths():
    x = np.random.default_rng(1).normal(size=(3, 4))
    weights = [(p, math.exp(-math.fsum(x[q] for q in p))) for p in paths((0, 0), (2, 3))]
    total = math.fsum(w for _, w in weights)
    oracle, case = Oracle(cheapest.variants[0].program), Case({"x": x})
    assert float(oracle.truth(case, Request("value"))) == pytest.approx(-math.log(total), rel=1e-13)
    here, there = (1, 1), (2, 2)
    first = math.fsum(w for p, w in weights if here in p) / total
    second = math.fsum(w for p, w in weights if there in p) / total
    both = math.fsum(w for p, w in weights if here in p and there in p) / total
    assert float(oracle.truth(case, Request("gradient", ("x", here)))) == pytest.approx(first, rel=1e-13)
    # The Hessian of a log-partition function is minus the covariance of what the paths visit.
    request = Request("hvp", ("x", here), tangent=((("x", there), 1.0),))
    assert float(oracle.truth(case, request)) == pytest.approx(first * second - both, rel=1e-11)
    diagonal = Request("hessian", ("x", here))
    assert float(oracle.truth(case, diagonal)) == pytest.approx(first * first - first, rel=1e-12)


@loss(family="test")
def energy(x: Pred[I, J]):
    """Sum over pairs of a table that is computed once."""
    i, j, k = index(I), index(I), index(J)
    g = define("g", (i, j), Sum(x[i, k] * x[j, k], k))
    a, b = index(I), index(I)
    return Sum(g[a, b] ** 2, a, b)


def test_tables_are_read_where_they_were_written():
    x = np.random.default_rng(2).integers(-3, 4, (3, 2)).astype(float)
    oracle, case = Oracle(energy.variants[0].program), Case({"x": x})
    gram = x @ x.T
    assert float(oracle.truth(case, Request("value"))) == (gram**2).sum()
    gradient = 4 * gram @ x
    for place in np.ndindex(x.shape):
        assert float(oracle.truth(case, Request("gradient", ("x", place)))) == gradient[place]
