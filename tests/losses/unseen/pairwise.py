"""A loss of all pairs in a list."""

from lossgen.spec import Gt, Positive, Pred, Sum, Target, axis, exp, index, log, loss, sample, where

N = axis("N", dims="-1")


@loss(family="unseen")
def pair_order(x: Pred[N], y: Target[N], scale: Positive = 1.0):
    """For each item, the logistic loss against all items that should rank below it."""
    i, j = index(N), index(N)
    wrong = log(1 + exp(-scale * (x[i] - x[j])))
    return sample(Sum(where(Gt(y[i], y[j]), wrong, 0), j), per=i)
