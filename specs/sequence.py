"""Sequences: losses over all alignments of a prediction with labels."""

from lossgen.spec import (
    And,
    Choice,
    Eq,
    Flag,
    Labels,
    Length,
    Max,
    Ne,
    Position,
    Pred,
    Sum,
    axis,
    detach,
    exp,
    index,
    log,
    loss,
    recurrence,
    sample,
    size,
    where,
)

T = axis("T", dims="0")
C = axis("C", dims="-1")
U = axis("U", dims="-1")
S = axis("S", extent=2 * size(U) + 1)


@loss(
    family="sequence",
    source="Graves et al. 2006, doi:10.1145/1143844.1143891",
    peers={"torch": "ctc_loss"},
)
def ctc(
    x: Pred[T, C],
    y: Labels[U, C],
    input_lengths: Length[T],
    target_lengths: Length[U],
    blank: Position[C] = 0,
    zero_infinity: Flag = False,
    convention: Choice("exact", "torch") = "exact",
):
    """Connectionist temporal classification: minus the log-probability of all alignments with the labels.

    The mean is over samples, each divided by its number of labels. Where no alignment exists the loss is
    infinite and its gradient 0, with the convention of torch exp(`x`); torch itself gives NaN.

    Parameters
    ----------
    x
        Log-probabilities, of shape (T, N, C) or (T, C).
    y
        Labels, of shape (N, U) or concatenated.
    input_lengths
        Number of frames of each sample.
    target_lengths
        Number of labels of each sample.
    blank
        Class that stands for no label.
    zero_infinity
        Give 0 where no alignment exists, instead of infinity.
    convention
        "exact": the gradient is the derivative of the value. "torch": that of torch, which takes `x` to come
        out of a log-softmax and adds exp(`x`).
    """
    t, s, c = index(T), index(S), index(C)
    odd = Eq(s % 2, 1)
    label = where(odd, y[s // 2], blank)

    def step(alpha):
        skip = And(odd, s >= 3)
        jump = where(skip, where(Ne(y[s // 2], y[s // 2 - 1]), alpha[t - 1, s - 2], 0), 0)
        start = where(s <= 1, 1, 0)
        return where(Eq(t, 0), start, alpha[t - 1, s] + alpha[t - 1, s - 1] + jump) * exp(x[t, label])

    alpha = recurrence("alpha", (t, s), step, positive=True)
    last = size(S) - 1
    before = where(size(U) > 0, alpha[size(T) - 1, last - 1], 0)
    # Without a frame the empty sequence of labels is certain, and every other impossible.
    likelihood = where(size(T) > 0, alpha[size(T) - 1, last] + before, where(Eq(size(U), 0), 1, 0))
    value = -log(likelihood)
    if convention == "torch":
        probability = Sum(exp(x[t, c]), t, c)
        value = value + probability - detach(probability)
    if zero_infinity:
        value = where(Eq(likelihood, 0), 0, value)
    return sample(value, mean_scale=1 / Max(size(U), 1))
