"""Multiclass classification: losses of a row of scores and a class index."""

from lossgen.spec import (
    Choice,
    Class,
    Int,
    Max,
    Ne,
    PerClass,
    Pred,
    Real,
    Sum,
    Unit,
    axis,
    exp,
    index,
    log,
    loss,
    sample,
    size,
    where,
)

C = axis("C", dims="1")


@loss(
    family="classification",
    source="Bridle 1990, doi:10.1007/978-3-642-76153-9_28",
    peers={
        "torch": "cross_entropy",
        "optax": "softmax_cross_entropy_with_integer_labels",
        "sklearn": "HalfMultinomialLoss",
    },
)
def cross_entropy(
    x: Pred[C],
    y: Class[C],
    class_weight: PerClass[C] = 1,
    ignore_index: Int = -100,
    label_smoothing: Unit = 0.0,
):
    """Negative log-likelihood of the softmax of `x` at class `y`.

    The mean divides by the sum of the class weights of the labels that are not ignored, smoothing left out,
    as in torch.

    Parameters
    ----------
    x
        Logits of the classes.
    class_weight
        Factor on the loss of each class.
    ignore_index
        Label of samples that are left out of value, gradient and mean.
    label_smoothing
        Share of the label that is spread evenly over all classes.
    """
    c, j = index(C), index(C)

    def logp(k):
        return log(exp(x[k]) / Sum(exp(x[j]), j))

    likelihood = -class_weight[y] * logp(y)
    uniform = -Sum(class_weight[c] * logp(c), c) / size(C)
    keep = Ne(y, ignore_index)
    return sample(
        (1 - label_smoothing) * likelihood + label_smoothing * uniform, keep=keep, mean_by=class_weight[y]
    )


@loss(family="classification", source="torch.nn.functional.nll_loss", peers={"torch": "nll_loss"})
def nll(x: Pred[C], y: Class[C], class_weight: PerClass[C] = 1, ignore_index: Int = -100):
    """Negative log-likelihood of class `y`, given log-probabilities `x`.

    The mean divides by the sum of the class weights of the labels that are not ignored.

    Parameters
    ----------
    x
        Logarithms of the probabilities of the classes.
    class_weight
        Factor on the loss of each class.
    ignore_index
        Label of samples that are left out of value, gradient and mean.
    """
    return sample(-class_weight[y] * x[y], keep=Ne(y, ignore_index), mean_by=class_weight[y])


@loss(
    family="classification",
    source="Weston and Watkins 1999; torch.nn.functional.multi_margin_loss",
    peers={"torch": "multi_margin_loss"},
)
def multi_margin(
    x: Pred[C], y: Class[C], p: Choice(1, 2) = 1, margin: Real = 1.0, class_weight: PerClass[C] = 1
):
    """Margin between the score of class `y` and every other score, to the power `p`.

    At the hinge the derivative is 0. The mean divides by the number of rows, also with class weights.

    Parameters
    ----------
    x
        Scores of the classes.
    p
        Power of the hinge.
    margin
        How far the score of the label must lie above every other, in the units of `x`.
    class_weight
        Factor on the loss of each class.
    """
    i = index(C)
    hinge = Max(margin - x[y] + x[i], 0) ** p
    return class_weight[y] * Sum(where(Ne(i, y), hinge, 0), i) / size(C)
