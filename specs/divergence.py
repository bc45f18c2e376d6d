"""Divergences between distributions."""

from lossgen.spec import Eq, Flag, Pred, Target, exp, log, loss, where


@loss(
    family="divergence",
    source="Kullback and Leibler 1951, doi:10.1214/aoms/1177729694",
    peers={"torch": "kl_div"},
)
def kl_div(x: Pred, y: Target.nonnegative, log_target: Flag = False):
    """Pointwise Kullback-Leibler divergence y (log y - x), given log-probabilities `x`.

    Where the target probability is 0 the loss and its derivatives are 0. `reduction="batchmean"` gives the
    divergence itself; ``"mean"`` divides by the number of elements.

    Parameters
    ----------
    x
        Logarithm of the predicted probability.
    y
        Target probability, or its logarithm.
    log_target
        Whether `y` is a logarithm.
    """
    if log_target:
        return exp(y) * (y - x)
    return where(Eq(y, 0), 0, y * (log(y) - x))
