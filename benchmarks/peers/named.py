"""What other libraries call a loss, and how their functions are called: shared by accuracy and speed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Peers that compute another multiple or less than the whole of a declared loss, which no declaration names.
_MORE = {
    ("optax", "triplet_margin"): "triplet_margin_loss",
    ("sklearn", "mse"): "HalfSquaredError",
    ("sklearn", "l1"): "AbsoluteError",
}

# What each function of optax is called with; a loss of one sample is a sum over the last dimension.
OPTAX: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "squared_error": lambda f, a: f(a["x"], a["y"]),
    "huber_loss": lambda f, a: f(a["x"], a["y"], delta=a["delta"]),
    "sigmoid_binary_cross_entropy": lambda f, a: f(a["x"], a["y"]),
    "sigmoid_focal_loss": lambda f, a: f(a["x"], a["y"], alpha=None, gamma=a["gamma"]),
    "softmax_cross_entropy_with_integer_labels": lambda f, a: f(
        a["x"], a["y"], axis=min(1, a["x"].ndim - 1), where=None
    ),
    "triplet_margin_loss": lambda f, a: f(
        a["anchor"], a["positive"], a["negative"], axis=-1, norm_degree=2, margin=a["margin"], eps=a["eps"]
    ),
}

# By class of scikit-learn: the factor that its losses lack.
SKLEARN = {
    "HalfSquaredError": 2,
    "AbsoluteError": 1,
    "HuberLoss": 1,
    "HalfBinomialLoss": 1,
    "HalfMultinomialLoss": 1,
}


def peer(package: str, loss: str, declared: Mapping[str, str]) -> str | None:
    """Return what a package calls a loss, given the peers that its declaration names; None without it."""
    return dict(declared).get(package, _MORE.get((package, loss)))
