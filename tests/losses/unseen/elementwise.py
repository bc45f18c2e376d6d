"""A robust regression loss."""

from lossgen.spec import Positive, Pred, Target, log, loss


@loss(family="unseen", curvature="irls")
def lorentz(x: Pred, y: Target, c: Positive = 2.0):
    """Half c squared times the logarithm of one plus the squared residual in units of c."""
    return c**2 / 2 * log(1 + ((x - y) / c) ** 2)
