"""Recurrences other than those that the repository has."""

from lossgen.spec import (
    And,
    Eq,
    Labels,
    Positive,
    Pred,
    Sum,
    axis,
    exp,
    index,
    log,
    loss,
    recurrence,
    size,
    where,
)

T = axis("T", dims="0")
K = axis("K", dims="-1")
J = axis("J", dims="-2", extent=size(K))
A = axis("A", dims="-2")
B = axis("B", dims="-1")


@loss(family="unseen")
def chain(x: Pred[T, K], w: Pred[J, K], y: Labels[T, K]):
    """Negative log-likelihood of a path through a linear chain with scores `x` and transitions `w`."""
    t, k, j = index(T), index(K), index(K)

    def step(forward):
        before = Sum(forward[t - 1, j] * exp(w[j, k]), j)
        return exp(x[t, k]) * where(Eq(t, 0), 1, before)

    forward = recurrence("forward", (t, k), step, positive=True)
    u, v = index(T), index(K)
    score = Sum(x[u, y[u]] + where(u > 0, w[y[u - 1], y[u]], 0), u)
    return log(Sum(forward[size(T) - 1, v], v)) - score


@loss(family="unseen")
def soft_path(x: Pred[A, B], softness: Positive = 1.0):
    """Soft minimum over all monotone paths through a matrix of costs."""
    a, b = index(A), index(B)

    def step(r):
        start = where(And(Eq(a, 0), Eq(b, 0)), 1, 0)
        return exp(-x[a, b] / softness) * (start + r[a - 1, b] + r[a, b - 1] + r[a - 1, b - 1])

    r = recurrence("r", (a, b), step, positive=True)
    return -softness * log(r[size(A) - 1, size(B) - 1])
