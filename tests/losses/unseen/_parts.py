"""Parts of sums, which are judged in them."""

from lossgen.spec import (
    Abs,
    Class,
    Int,
    Max,
    Ne,
    PerClass,
    Pred,
    Sum,
    Target,
    axis,
    define,
    exp,
    index,
    log,
    loss,
    sample,
    where,
)

C = axis("C", dims="1")
S = axis("S", dims="2:")


@loss(family="unseen")
def distance(x: Pred, y: Target):
    """Absolute error."""
    return Abs(x - y)


@loss(family="unseen")
def balanced(x: Pred[C], y: Class[C], class_weight: PerClass[C] = 1, ignore_index: Int = -100):
    """Negative log-likelihood of a softmax, its mean over the weights of the classes."""
    j = index(C)
    value = class_weight[y] * (log(Sum(exp(x[j]), j)) - x[y])
    return sample(value, keep=Ne(y, ignore_index), mean_by=class_weight[y])


@loss(family="unseen")
def plain(x: Pred[C], y: Class[C], ignore_index: Int = -100):
    """Negative log-likelihood of a softmax."""
    j = index(C)
    return sample(log(Sum(exp(x[j]), j)) - x[y], keep=Ne(y, ignore_index))


@loss(family="unseen")
def squared_hinges(x: Pred[C], y: Class[C], ignore_index: Int = -100):
    """Squared hinges of all scores against that of class `y`."""
    j = index(C)
    return sample(Sum(where(Ne(j, y), Max(1 - x[y] + x[j], 0) ** 2, 0), j), keep=Ne(y, ignore_index))


@loss(family="unseen")
def shares_overlap(x: Pred[C, S], y: Target.unit[C, S]):
    """Overlap of softmax shares with each class but the first, over the sites of a sample."""
    c, s, k = index(C), index(S), index(C)
    p = define("p", (c, s), exp(x[c, s]) / Sum(exp(x[k, s]), k))[c, s]
    overlap = (1 + 2 * Sum(p * y[c, s], s)) / (1 + Sum(p, s) + Sum(y[c, s], s))
    return sample(1 - overlap, per=c, keep=c >= 1)
