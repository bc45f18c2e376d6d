"""Regression: elementwise losses of a prediction and a real target."""

from lossgen.spec import Abs, Flag, NonNegative, Positive, Pred, Target, helper, loss, sample, where


@loss(family="regression", source="Legendre 1805", peers={"torch": "mse_loss", "optax": "squared_error"})
def mse(x: Pred, y: Target):
    """Squared error.

    The weighted mean divides by the sum of the weights, as in torch.
    """
    return sample((x - y) ** 2, mean_weighted=True)


@loss(family="regression", source="Laplace 1774", peers={"torch": "l1_loss"})
def l1(x: Pred, y: Target):
    """Absolute error.

    The derivative at a tie is 0. The weighted mean divides by the sum of the weights, as in torch.
    """
    return sample(Abs(x - y), mean_weighted=True)


@loss(
    family="regression",
    source="Huber 1964, doi:10.1214/aoms/1177703732",
    peers={"torch": "huber_loss", "optax": "huber_loss", "sklearn": "HuberLoss"},
)
def huber(x: Pred, y: Target, delta: Positive = 1.0, hess_owner: Flag = False):
    """Quadratic near zero, linear beyond `delta`.

    The linear branch owns |x - y| = `delta`, so the curvature there is 0, as in torch. The weighted mean
    divides by the count, as in torch.

    Parameters
    ----------
    delta
        Residual at which the loss turns linear, in the units of `x`.
    hess_owner
        Let the quadratic branch own |x - y| = `delta`: the curvature there is 1, as in
        scikit-learn.
    """
    r = x - y
    inside = Abs(r) <= delta if hess_owner else Abs(r) < delta
    return where(inside, r**2 / 2, delta * (Abs(r) - delta / 2))


@loss(family="regression", source="Girshick 2015, arXiv:1504.08083", peers={"torch": "smooth_l1_loss"})
def smooth_l1(x: Pred, y: Target, beta: NonNegative = 1.0):
    """Absolute error with a quadratic bottom of half-width `beta`.

    `beta` = 0 is exactly the absolute error. The linear branch owns |x - y| = `beta`.

    Parameters
    ----------
    beta
        Residual at which the quadratic part ends, in the units of `x`.
    """
    r = x - y
    return where(Abs(r) < beta, r**2 / (2 * beta), Abs(r) - beta / 2)


@loss(family="regression", source="Lehtinen et al. 2018, arXiv:1803.04189")
def l0_annealed(x: Pred, y: Target, gamma: NonNegative.at_most(2) = 2.0, eps: Positive = 1e-8):
    """Power of the absolute error whose exponent `gamma` is lowered from 2 to 0 in training.

    `l0_gamma` gives the exponent of a training step. At a tie the derivative is 0; for `gamma` below 1 the
    loss is not convex.

    Parameters
    ----------
    gamma
        Exponent; 2 is the squared error, 1 the absolute error, 0 a constant.
    eps
        Added to the absolute error, in the units of `x`; keeps the slope finite for `gamma` below 1.
    """
    return (Abs(x - y) + eps) ** gamma


@helper
def l0_gamma(step, total, start=2, end=0):
    """Exponent of `l0_annealed` after `step` of `total` training steps: linear from `start` to `end`."""
    return start + (end - start) * step / total
