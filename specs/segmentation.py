"""Segmentation: losses of overlap between a predicted and a true region."""

from lossgen.spec import (
    Choice,
    Eq,
    Flag,
    Max,
    NonNegative,
    Pred,
    Sum,
    Target,
    axis,
    cumsum,
    exp,
    index,
    log,
    loss,
    sort,
    where,
)

S = axis("S", dims="2:", when={"batch": "0,2:"})
P = axis("P", dims=":", when={"per_image": "1:"})


@loss(
    family="segmentation",
    source="Milletari et al. 2016, arXiv:1606.04797",
    peers={"monai": "DiceLoss"},
    variants=[{"from_logits": True, "batch": True}],
)
def soft_dice(
    x: Pred.unit[S].real_if("from_logits"),
    y: Target.unit[S],
    from_logits: Flag = False,
    batch: Flag = False,
    exponent: Choice(1, 2) = 1,
    log_score: Flag = False,
    empty: Choice("keep", "zero") = "keep",
    smooth_nr: NonNegative = 1e-5,
    smooth_dr: NonNegative = 1e-5,
):
    """One minus the Dice overlap of a class, over the sites of a sample (`batch`: of the whole batch).

    Arrays are (N, C, ...); there is one value for each sample and class. From logits the probability is the
    sigmoid. With `log_score` the loss is minus the logarithm of the overlap; `empty="zero"` gives 0 where the
    true region is empty. Class weights are `weight`, excluded classes are `where`, both broadcast.
    """
    s = index(S)
    p = 1 / (1 + exp(-x[s])) if from_logits else x[s]
    overlap = 2 * Sum(p * y[s], s) + smooth_nr
    total = Sum(p**exponent, s) + Sum(y[s] ** exponent, s) + smooth_dr
    value = -log(overlap / total) if log_score else 1 - overlap / total
    return where(Eq(Sum(y[s], s), 0), 0, value) if empty == "zero" else value


@loss(family="segmentation", source="Berman et al. 2018, arXiv:1705.08790", peers={"smp": "LovaszLoss"})
def lovasz_hinge(x: Pred[P], y: Target.binary[P], per_image: Flag = False):
    """Convex surrogate of the Jaccard index, for logits and labels 0 or 1.

    Errors are sorted, ties keep their order; the weights of the sorted errors are constant to the derivative.
    Over the whole batch, or (`per_image`) a mean over images.
    """
    i, j = index(P), index(P)

    def error(k):
        return 1 - x[k] * (2 * y[k] - 1)

    order = sort("order", error(i), i, descending=True)
    label = y[order[i]]
    inside = cumsum("inside", i, label)
    positives = Sum(y[j], j)
    # Increment of 1 - intersection / union from one sorted error to the next, over the common denominator.
    left = positives - inside[i - 1]
    union = positives + i - inside[i - 1]
    step = where(
        i > 0,
        (left * (1 - label) + label * union) / (union * (union + 1 - label)),
        1 / (positives + 1 - label),
    )
    return Sum(Max(error(order[i]), 0) * step, i)
