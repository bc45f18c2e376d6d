"""Binary classification: elementwise losses of a logit and a label in [0, 1]."""

from lossgen.spec import NonNegative, Optional, Pred, Target, Unit, exp, log, loss


def _probability(x):
    return 1 / (1 + exp(-x))


@loss(
    family="classification",
    source="Cox 1958, doi:10.1111/j.2517-6161.1958.tb00292.x",
    peers={
        "torch": "binary_cross_entropy_with_logits",
        "optax": "sigmoid_binary_cross_entropy",
        "sklearn": "HalfBinomialLoss",
    },
)
def bce_with_logits(
    x: Pred, y: Target.unit, pos_weight: NonNegative = 1.0, label_smoothing: Optional[Unit.below(1)] = None
):
    """Binary cross-entropy of a logit.

    The label `y` may be soft.

    Parameters
    ----------
    x
        Logit of the positive class.
    y
        Label, or probability of the positive class.
    pos_weight
        Factor on the loss of the positive class.
    label_smoothing
        Share of the label that is replaced by 1/2.
    """
    if label_smoothing is not None:
        y = y * (1 - label_smoothing) + label_smoothing / 2
    p = _probability(x)
    return -(pos_weight * y * log(p) + (1 - y) * log(1 - p))


@loss(
    family="classification",
    source="Lin et al. 2017, arXiv:1708.02002",
    peers={"torchvision": "sigmoid_focal_loss", "optax": "sigmoid_focal_loss"},
)
def binary_focal(x: Pred, y: Target.unit, gamma: NonNegative = 2.0, alpha: Optional[Unit] = None):
    """Binary cross-entropy with easy samples damped by (1 - p_t)^`gamma`.

    For soft labels p_t is the mixture y p + (1 - y)(1 - p) and the logarithmic part is the cross-entropy.

    Parameters
    ----------
    x
        Logit of the positive class.
    y
        Label, or probability of the positive class.
    gamma
        How strongly easy samples are damped; 0 is the cross-entropy.
    alpha
        Weight of the positive class; the negative one weighs 1 - `alpha`. Both weigh 1 if left out.
    """
    p = _probability(x)
    miss = y * (1 - p) + (1 - y) * p
    cross_entropy = -(y * log(p) + (1 - y) * log(1 - p))
    balance = 1 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    return balance * miss**gamma * cross_entropy
