"""Embeddings: losses of distances and similarities between vectors."""

from lossgen.spec import (
    Abs,
    Choice,
    Flag,
    Max,
    Min,
    NonNegative,
    Positive,
    Pred,
    Sum,
    axis,
    define,
    exp,
    index,
    log,
    loss,
    sample,
    size,
    where,
)

D = axis("D", dims="-1")
N = axis("N", dims="0")
M = axis("M", dims="1", extent=size(N))


@loss(
    family="embedding",
    source="Balntas et al. 2016, doi:10.5244/C.30.119; torch.nn.functional.triplet_margin_loss",
    peers={"torch": "triplet_margin_loss"},
)
def triplet_margin(
    anchor: Pred[D],
    positive: Pred[D],
    negative: Pred[D],
    p: Choice(2, 1, "inf") | Positive = 2,
    swap: Flag = False,
    margin: Positive = 1.0,
    eps: NonNegative = 1e-6,
):
    """Hinge of the distance to the positive minus the distance to the negative, plus `margin`.

    `eps` is added to every signed difference, as in torch. With `swap` the smaller of anchor-negative and
    positive-negative distance counts. At the hinge the active side owns the derivative.

    Parameters
    ----------
    anchor
        Vectors to which the others are compared.
    positive
        Vectors that should be near.
    negative
        Vectors that should be far.
    p
        Power of the distance, (sum of |u|^p)^(1/p): 2 is Euclidean. Powers of 0 and below are refused: they
        measure no distance.
    swap
        Use the smaller of the distances from the anchor and from the positive to the negative.
    margin
        How much farther the negative should be than the positive.
    eps
        Added to every signed difference; it keeps the slope alive where two vectors meet.
    """

    def distance(u, v):
        d = index(D)
        difference = Abs(u[d] - v[d] + eps)
        return Max(difference, d) if p == "inf" else Sum(difference**p, d) ** (1 / p)

    far = distance(anchor, negative)
    if swap:
        far = Min(far, distance(positive, negative))
    gap = distance(anchor, positive) - far + margin
    return where(gap < 0, 0, gap)


@loss(family="embedding", source="van den Oord et al. 2018, arXiv:1807.03748")
def info_nce_scores(s: Pred[N, M], temperature: Positive = 0.07, symmetric: Flag = False):
    """Cross-entropy of a square matrix of scores whose diagonal holds the positive pairs.

    Parameters
    ----------
    s
        Scores, similarities for example: row i compares anchor i with every candidate.
    temperature
        Divides the scores; a small one makes hard negatives count more.
    symmetric
        Average over rows and columns (CLIP) instead of rows alone.
    """
    i, j = index(N), index(M)
    loss_of_row = -log(exp(s[i, i] / temperature) / Sum(exp(s[i, j] / temperature), j))
    if symmetric:
        k = index(N)
        loss_of_column = -log(exp(s[i, i] / temperature) / Sum(exp(s[k, i] / temperature), k))
        return sample((loss_of_row + loss_of_column) / 2, per=i)
    return sample(loss_of_row, per=i)


@loss(family="embedding", source="van den Oord et al. 2018, arXiv:1807.03748")
def info_nce(a: Pred[N, D], b: Pred[N, D], temperature: Positive = 0.07, symmetric: Flag = False):
    """Cross-entropy of the inner products of two views of a batch, whose rows pair up.

    Rows are expected to be normalised by the caller.

    Parameters
    ----------
    a
        Embeddings of the first view, one row for each sample.
    b
        Embeddings of the second view.
    temperature
        Divides the inner products; a small one makes hard negatives count more.
    symmetric
        Average over both directions (CLIP) instead of `a` to `b` alone.
    """
    i, j, d = index(N), index(N), index(D)
    s = define("s", (i, j), Sum(a[i, d] * b[j, d], d) / temperature)
    i, j = index(N), index(N)
    loss_of_row = -log(exp(s[i, i]) / Sum(exp(s[i, j]), j))
    if symmetric:
        loss_of_column = -log(exp(s[i, i]) / Sum(exp(s[j, i]), j))
        return sample((loss_of_row + loss_of_column) / 2, per=i)
    return sample(loss_of_row, per=i)
