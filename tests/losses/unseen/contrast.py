"""A loss of the whole array with a log-sum-exp, a norm and a maximum."""

from lossgen.spec import Abs, Max, Positive, Pred, Sum, Target, axis, exp, index, log, loss, sqrt

S = axis("S", dims=":")


@loss(family="unseen")
def contrast(x: Pred[S], y: Target[S], temperature: Positive = 1.0):
    """Soft maximum of an array, its distance to the target, and the largest error."""
    i, j, k = index(S), index(S), index(S)
    soft = temperature * log(Sum(exp(x[i] / temperature), i))
    return soft + sqrt(Sum((x[j] - y[j]) ** 2, j)) + Max(Abs(x[k] - y[k]), k)
