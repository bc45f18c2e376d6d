"""A ratio of three sums."""

from lossgen.spec import NonNegative, Positive, Pred, Sum, Target, axis, exp, index, loss

S = axis("S", dims="2:")


@loss(family="unseen")
def weighted_overlap(
    x: Pred[S],
    y: Target.unit[S],
    misses: NonNegative = 0.7,
    alarms: NonNegative = 0.3,
    smooth: Positive = 1.0,
):
    """One minus hits over hits, misses and false alarms, from logits."""
    s = index(S)
    p = 1 / (1 + exp(-x[s]))
    hits = Sum(p * y[s], s)
    missed = Sum((1 - p) * y[s], s)
    alarmed = Sum(p * (1 - y[s]), s)
    return 1 - (hits + smooth) / (hits + misses * missed + alarms * alarmed + smooth)
