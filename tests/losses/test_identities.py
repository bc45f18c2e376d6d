"""Identities between losses; each would fail if a side were wrong by one part in a million: that is tried."""

import numpy as np
import pytest

import lossgen.losses as L

RNG = np.random.default_rng(20)
X, Y = RNG.normal(size=40) * 3, RNG.normal(size=40)
SOFT = RNG.uniform(size=40)
ROWS, LABELS = RNG.normal(size=(12, 5)) * 4, RNG.integers(0, 5, 12)
A, B = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 4))
FIELD, TRUTH = RNG.normal(size=(3, 2, 4, 5)), RNG.uniform(size=(3, 2, 4, 5))
COSTS = RNG.normal(size=(1, 7, 4))
NONE = {"reduction": "none"}


def log_softmax(x):
    shifted = x - x.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Each entry: a name, and two functions of nothing that must agree.
IDENTITIES = {
    "smooth_l1 times beta is huber": (
        lambda: L.smooth_l1(X, Y, beta=0.7, **NONE) * 0.7,
        lambda: L.huber(X, Y, delta=0.7, **NONE),
    ),
    "smooth_l1 without a bottom is l1": (
        lambda: L.smooth_l1(X, Y, beta=0.0, **NONE),
        lambda: L.l1(X, Y, **NONE),
    ),
    "huber without ends is half mse": (
        lambda: 2 * L.huber(X, Y, delta=1e6, **NONE),
        lambda: L.mse(X, Y, **NONE),
    ),
    "l0_annealed starts as mse": (
        lambda: L.l0_annealed(X, Y, gamma=2.0, eps=1e-300, **NONE),
        lambda: L.mse(X, Y, **NONE),
    ),
    "l0_annealed passes l1": (
        lambda: L.l0_annealed(X, Y, gamma=1.0, eps=1e-300, **NONE),
        lambda: L.l1(X, Y, **NONE),
    ),
    "nll of a log-softmax is cross_entropy": (
        lambda: L.nll(log_softmax(ROWS), LABELS, **NONE),
        lambda: L.cross_entropy(ROWS, LABELS, **NONE),
    ),
    "cross_entropy of two classes is bce_with_logits": (
        lambda: L.cross_entropy(np.stack([np.zeros(40), X], 1), (SOFT > 0.5).astype(int), **NONE),
        lambda: L.bce_with_logits(X, (SOFT > 0.5).astype(float), **NONE),
    ),
    "binary_focal without focus is bce_with_logits": (
        lambda: L.binary_focal(X, SOFT, gamma=0.0, **NONE),
        lambda: L.bce_with_logits(X, SOFT, **NONE),
    ),
    "binary_focal balanced evenly is half of it": (
        lambda: 2 * L.binary_focal(X, SOFT, alpha=0.5, **NONE),
        lambda: L.binary_focal(X, SOFT, **NONE),
    ),
    "kl_div takes the logarithm of the target": (
        lambda: L.kl_div(-np.abs(X), SOFT, **NONE),
        lambda: L.kl_div(-np.abs(X), np.log(SOFT), log_target=True, **NONE),
    ),
    "info_nce scores its pairs": (
        lambda: L.info_nce(A, B, temperature=0.5, **NONE),
        lambda: L.info_nce_scores(A @ B.T, temperature=0.5, **NONE),
    ),
    "info_nce_scores is cross_entropy with the diagonal": (
        lambda: L.info_nce_scores(A @ B.T, temperature=0.5, **NONE),
        lambda: L.cross_entropy(A @ B.T / 0.5, np.arange(6), **NONE),
    ),
    "symmetric info_nce is the mean of both directions": (
        lambda: 2 * L.info_nce(A, B, symmetric=True, **NONE),
        lambda: L.info_nce(A, B, **NONE) + L.info_nce(B, A, **NONE),
    ),
    "soft_dice takes logits": (
        lambda: L.soft_dice(FIELD, TRUTH, from_logits=True, **NONE),
        lambda: L.soft_dice(sigmoid(FIELD), TRUTH, **NONE),
    ),
    "soft_dice as a logarithm": (
        lambda: np.exp(-L.soft_dice(sigmoid(FIELD), TRUTH, log=True, **NONE)),
        lambda: 1 - L.soft_dice(sigmoid(FIELD), TRUTH, **NONE),
    ),
    "soft_dice over a batch joins its samples": (
        lambda: L.soft_dice(sigmoid(FIELD), TRUTH, batch=True, **NONE).ravel(),
        lambda: L.soft_dice(
            sigmoid(FIELD).swapaxes(0, 1).reshape(1, 2, -1), TRUTH.swapaxes(0, 1).reshape(1, 2, -1), **NONE
        ).ravel(),
    ),
    "the composition is the sum of its parts": (
        lambda: L.dice_bce(FIELD, TRUTH),
        lambda: 0.5 * L.soft_dice(FIELD, TRUTH, from_logits=True) + 0.5 * L.bce_with_logits(FIELD, TRUTH),
    ),
    "the composition's gradient is the sum of gradients": (
        lambda: L.dice_bce.grad(FIELD, TRUTH),
        lambda: (
            0.5 * L.soft_dice.grad(FIELD, TRUTH, from_logits=True)
            + 0.5 * L.bce_with_logits.grad(FIELD, TRUTH)
        ),
    ),
    "triplet_margin swaps to the nearer of two negatives": (
        lambda: L.triplet_margin(A, B, A + B, swap=True, margin=9.0, eps=0.0, **NONE),
        lambda: np.maximum(
            L.triplet_margin(A, B, A + B, margin=9.0, eps=0.0, **NONE),
            9 + np.linalg.norm(A - B, axis=1) - np.linalg.norm(A, axis=1),
        ),
    ),
    "multi_margin of two classes is a hinge": (
        lambda: 2 * L.multi_margin(np.stack([X, Y], 1), np.zeros(40, int), margin=1.5, **NONE),
        lambda: np.maximum(1.5 - X + Y, 0),
    ),
    "lovasz_hinge of one pixel is a hinge": (
        lambda: np.array([L.lovasz_hinge(X[k : k + 1], np.ones(1)) for k in range(8)]),
        lambda: np.maximum(1 - X[:8], 0),
    ),
    "ctc of one frame is nll": (
        lambda: np.array(
            [L.ctc(COSTS[:, k : k + 1], np.array([[2]]), np.array([1]), np.array([1])) for k in range(7)]
        ),
        lambda: L.nll(COSTS[0], np.full(7, 2), **NONE),
    ),
    "ctc of nothing is the path of blanks": (
        lambda: L.ctc(
            COSTS.swapaxes(0, 1), np.zeros((1, 1), int), np.array([7]), np.array([0]), reduction="sum"
        ),
        lambda: -COSTS[0, :, 0].sum(),
    ),
}


def agree(left, right):
    return np.allclose(left, right, rtol=1e-9, atol=0) if np.ndim(left) == 0 else bool(_close(left, right))


def _close(left, right):
    # Relative to the largest entry: differences of nearly equal numbers lose digits on either side.
    return np.max(np.abs(np.asarray(left) - right)) <= 1e-9 * np.max(np.abs(right))


@pytest.mark.parametrize("name", IDENTITIES)
def test_identity(name):
    left, right = (side() for side in IDENTITIES[name])
    assert np.shape(left) == np.shape(right)
    assert np.all(np.isfinite(right))
    assert np.any(np.asarray(right) != 0)
    assert agree(left, right)
    assert not agree(np.asarray(left) * (1 + 1e-6), right)


def test_identities_reach_every_family():
    named = " ".join(IDENTITIES)
    families = {loss.entry.family for name, loss in L.all().items() if name in named or name == "dice_bce"}
    assert families == {loss.entry.family for loss in L.all().values()}
