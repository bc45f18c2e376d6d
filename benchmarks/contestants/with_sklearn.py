"""scikit-learn's losses for boosting and linear models: compiled from Cython, all threads, reused arrays.

They write a loss and a gradient for each sample; the mean of the losses is taken here, gradients stay as they
are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn._loss import loss as library

from benchmarks.cases import GRADIENT, HESSIAN, VALUE, Case
from benchmarks.peers.named import SKLEARN, peer
from benchmarks.timing import Run


def cython(case: Case, given: Mapping[str, Any]) -> Run | None:
    """Return the call of the class, made for two classes or as many as there are."""
    name = peer("sklearn", case.loss, case.entry.peers)
    if name is None:
        return None
    x, y = given["x"], given["y"]
    options = {p.name: p.default for p in case.entry.params if name == "HuberLoss" and p.name == "delta"}
    loss = getattr(library, name)(**options, **({"n_classes": x.shape[1]} if x.ndim > 1 else {}))
    y = np.ascontiguousarray(y, x.dtype)
    losses, gradient, hessian = np.empty_like(y), np.empty_like(x), np.empty_like(x)
    threads, factor = len(os.sched_getaffinity(0)), SKLEARN[name]

    def value() -> Any:
        return factor * loss.loss(y, x, None, losses, threads).mean()

    def both() -> Any:
        loss.loss_gradient(y, x, None, losses, gradient, threads)
        return factor * losses.mean(), gradient

    def curvature() -> Any:
        return loss.gradient_hessian(y, x, None, gradient, hessian, threads)

    return Run({VALUE: value, GRADIENT: both, HESSIAN: curvature}[case.output])
