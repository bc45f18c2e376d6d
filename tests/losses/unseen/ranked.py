"""A loss of sorted residuals."""

from lossgen.spec import Abs, NonNegative, Pred, Sum, Target, axis, index, loss, sort

N = axis("N", dims="-1")


@loss(family="unseen")
def ranked_error(x: Pred[N], y: Target[N], decay: NonNegative = 0.5):
    """Absolute errors, the largest weighted most: the rank-th counts 1 / (1 + decay rank)."""
    i, j = index(N), index(N)
    order = sort("order", Abs(x[i] - y[i]), i, descending=True)
    return Sum(Abs(x[order[j]] - y[order[j]]) / (1 + decay * j), j)
