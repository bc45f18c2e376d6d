"""A row with a maximum and a sum."""

from lossgen.spec import Class, Max, NonNegative, Pred, Sum, axis, exp, index, log, loss

C = axis("C", dims="1")


@loss(family="unseen")
def peaked(x: Pred[C], y: Class[C], spread: NonNegative = 0.5):
    """Distance of a score to the largest one, plus a share of the log-sum-exp above it."""
    c, j = index(C), index(C)
    largest = Max(x[c], c)
    return largest - x[y] + spread * log(Sum(exp(x[j] - largest), j))
