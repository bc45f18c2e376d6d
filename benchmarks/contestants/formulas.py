"""Losses as users of an array library write them: in stable forms, with the functions that all of them have.

Each gives the mean, for parameters at the defaults of lossgen. `xp` has the functions by their usual names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Array = Any
SMOOTH, TEMPERATURE, EPS = 1e-5, 0.07, 1e-6


def _binary(xp: Any, x: Array, y: Array) -> Array:
    return xp.relu(x) - x * y + xp.log1p(xp.exp(-xp.abs(x)))


def _focal(xp: Any, x: Array, y: Array) -> Array:
    p = xp.sigmoid(x)
    miss = y * (1 - p) + (1 - y) * p
    return miss * miss * _binary(xp, x, y)


def _huber(xp: Any, x: Array, y: Array) -> Array:
    size = xp.abs(x - y)
    return xp.where(size < 1, 0.5 * size * size, size - 0.5)


def _divergence(xp: Any, x: Array, y: Array) -> Array:
    return xp.where(y == 0, 0, y * (xp.log(xp.where(y == 0, 1, y)) - x))


def _picked(xp: Any, x: Array, y: Array) -> Array:
    return xp.take(x, y[:, None], 1)[:, 0]


def _margin(xp: Any, x: Array, y: Array) -> Array:
    hinges = xp.relu(1 - _picked(xp, x, y)[:, None] + x)
    return (hinges.sum(1) - 1) / x.shape[1]


def _distance(xp: Any, u: Array, v: Array) -> Array:
    return xp.sqrt(((u - v + EPS) ** 2).sum(-1))


def _triplet(xp: Any, anchor: Array, positive: Array, negative: Array) -> Array:
    return xp.relu(_distance(xp, anchor, positive) - _distance(xp, anchor, negative) + 1)


def _dice(xp: Any, x: Array, y: Array) -> Array:
    sites = tuple(range(2, x.ndim))
    return 1 - (2 * (x * y).sum(sites) + SMOOTH) / (x.sum(sites) + y.sum(sites) + SMOOTH)


def _both(xp: Any, x: Array, y: Array) -> Array:
    return 0.5 * _dice(xp, xp.sigmoid(x), y).mean() + 0.5 * _binary(xp, x, y).mean()


def _pairs(xp: Any, s: Array) -> Array:
    s = s / TEMPERATURE
    return xp.logsumexp(s, 1) - s.diagonal()


def _lovasz(xp: Any, x: Array, y: Array) -> Array:
    """The weights of sorted hinges are differences of the Jaccard loss: summed by parts."""
    errors = 1 - x * (2 * y - 1)
    order = xp.argsort(errors, descending=True)
    hinge, label, positives = xp.relu(errors[order]), y[order], y.sum()
    jaccard = 1 - (positives - label.cumsum(0)) / (positives + (1 - label).cumsum(0))
    return (jaccard[:-1] * (hinge[:-1] - hinge[1:])).sum() + jaccard[-1] * hinge[-1]


FORMULAS: dict[str, Callable[..., Array]] = {
    "mse": lambda xp, x, y: (x - y) ** 2,
    "l1": lambda xp, x, y: xp.abs(x - y),
    "huber": _huber,
    "smooth_l1": _huber,
    "l0_annealed": lambda xp, x, y: (xp.abs(x - y) + 1e-8) ** 2,
    "bce_with_logits": _binary,
    "binary_focal": _focal,
    "kl_div": _divergence,
    "cross_entropy": lambda xp, x, y: xp.logsumexp(x, 1) - _picked(xp, x, y),
    "nll": lambda xp, x, y: -_picked(xp, x, y),
    "multi_margin": _margin,
    "triplet_margin": _triplet,
    "soft_dice": _dice,
    "dice_bce": _both,
    "info_nce_scores": _pairs,
    "info_nce": lambda xp, a, b: _pairs(xp, a @ b.T),
    "lovasz_hinge": _lovasz,
}


def formula(loss: str, xp: Any) -> Callable[..., Array] | None:
    """Return the mean of a loss as a function of its arrays, in order; None where there is no formula."""
    written = FORMULAS.get(loss)
    return None if written is None else lambda *arrays: written(xp, *arrays).mean()
