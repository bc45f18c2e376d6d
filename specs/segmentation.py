"""Segmentation: losses of overlap between a predicted and a true region."""

from lossgen.spec import (
    Choice,
    Eq,
    Flag,
    Int,
    Max,
    Min,
    Ne,
    NonNegative,
    Optional,
    PerClass,
    Pred,
    Sum,
    Target,
    axis,
    cumsum,
    define,
    exp,
    index,
    loss,
    sample,
    sort,
    where,
)
from lossgen.spec import log as ln

C = axis("C", dims="1")
S = axis("S", dims="2:", when={"batch": "0,2:"})
P = axis("P", dims=":", when={"per_image": "1:"})


@loss(
    family="segmentation",
    structure="reduce",
    source="Milletari et al. 2016, arXiv:1606.04797",
    peers={"monai": "DiceLoss"},
    variants=[
        {"from_logits": True, "batch": True},
        {"from_logits": "softmax", "include_background": False},
    ],
)
def soft_dice(
    x: Pred.unit[C, S].real_if("from_logits"),
    y: Target.unit[C, S].or_index(C, ignoring="ignore_index"),
    from_logits: Choice(False, True, "softmax") = False,
    include_background: Flag = True,
    batch: Flag = False,
    average: Choice("macro", "micro") = "macro",
    class_weight: PerClass[C] = 1,
    ignore_index: Optional[Int] = None,
    intersection: Choice("product", "min") = "product",
    exponent: Choice(1, 2) = 1,
    log: Flag = False,
    empty: Choice("keep", "zero") = "keep",
    smooth_nr: NonNegative = 1e-5,
    smooth_dr: NonNegative = 1e-5,
):
    """One minus the Dice overlap of each class, over the sites of a sample.

    Arrays are (N, C, ...); there is one value for each sample and class. The mean divides by the number of
    values, also with class weights.

    Parameters
    ----------
    x
        Probabilities, or logits.
    y
        What share of a site belongs to a class, 0 or 1 as a rule; or the class of each site, as integers
        without the axis of classes.
    from_logits
        The prediction holds logits: True takes the sigmoid of each, "softmax" that over the classes.
    include_background
        Count class 0 too.
    batch
        Take the sites of the whole batch together: one value for each class.
    average
        Of classes: "macro" gives one value for each, "micro" one overlap of all classes together.
    class_weight
        Factor of each class: of its value, or in a micro average of its sums.
    ignore_index
        Entries of `y` with this value take no part.
    intersection
        What p and y have in common at a site: p y, or min(p, y), which is 1 minus the loss where soft labels
        are met exactly.
    exponent
        Power of p and y in the sum of the denominator.
    log
        Minus the logarithm of the overlap.
    empty
        Where the true region is empty: "keep" the value, or "zero".
    smooth_nr
        Added to the numerator.
    smooth_dr
        Added to the denominator.
    """
    c, s, k = index(C), index(S), index(C)
    if from_logits == "softmax":
        p = define("p", (c, s), exp(x[c, s]) / Sum(exp(x[k, s]), k))[c, s]
    else:
        p = 1 / (1 + exp(-x[c, s])) if from_logits else x[c, s]
    t = y[c, s]

    def total(body):
        counted = body if ignore_index is None else where(Ne(t, ignore_index), body, 0)
        of_class = Sum(counted, s)
        if average == "macro":
            return of_class
        return Sum(class_weight[c] * (of_class if include_background else where(Ne(c, 0), of_class, 0)), c)

    overlap = 2 * total(Min(p, t) if intersection == "min" else p * t) + smooth_nr
    score = overlap / (total(p**exponent) + total(t**exponent) + smooth_dr)
    value = -ln(score) if log else 1 - score
    if empty == "zero":
        value = where(Eq(total(t), 0), 0, value)
    if average == "micro":
        return value
    return sample(class_weight[c] * value, per=c, keep=c >= (0 if include_background else 1))


@loss(
    family="segmentation",
    source="Berman et al. 2018, arXiv:1705.08790",
    peers={"smp": "LovaszLoss"},
    variants=[{"per_image": True, "ignore": True}],
)
def lovasz_hinge(x: Pred[P], y: Target.binary[P], per_image: Flag = False, ignore: Optional[Int] = None):
    """Convex surrogate of the Jaccard index, for logits and labels 0 or 1.

    Errors are sorted, ties keep their order; the weights of the sorted errors are constant to the derivative.

    Parameters
    ----------
    x
        Logits.
    y
        Labels.
    per_image
        A mean over images instead of one value for the whole batch.
    ignore
        Sites with this label take no part.
    """
    i, j = index(P), index(P)

    def counted(k, value):
        return value if ignore is None else where(Ne(y[k], ignore), value, 0)

    def error(k):
        return 1 - counted(k, x[k] * (2 * y[k] - 1))

    order = sort("order", error(i), i, descending=True)
    label = counted(order[i], y[order[i]])
    inside = cumsum("inside", i, label)
    before = i if ignore is None else cumsum("seen", i, counted(order[i], 1))[i - 1]
    positives = Sum(counted(j, y[j]), j)
    # Increment of 1 - intersection / union from one sorted error to the next, over the common denominator.
    left = positives - inside[i - 1]
    union = positives + before - inside[i - 1]
    step = (left * (1 - label) + label * union) / (union * (union + 1 - label))
    first = 1 / (positives + 1 - label)
    if ignore is not None:
        step = where(union > 0, step, first)
    return Sum(counted(order[i], Max(error(order[i]), 0) * where(i > 0, step, first)), i)
