"""PyTorch, forward and backward, eager and compiled."""

from collections.abc import Callable

import torch
from torch.nn import functional

from benchmarks.cases import BINARY, CLASSES, DICE, Case
from benchmarks.timing import Run

Value = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _dice(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """One minus the overlap, per sample and channel; PyTorch has no such loss of its own."""
    dims = tuple(range(2, x.ndim))
    overlap = (2 * (x * y).sum(dims) + 1e-5) / (x.sum(dims) + y.sum(dims) + 1e-5)
    return (1 - overlap).mean()


VALUES: dict[str, Value] = {
    BINARY: functional.binary_cross_entropy_with_logits,
    CLASSES: functional.cross_entropy,
    DICE: _dice,
}


def _run(case: Case, value: Value) -> Run:
    x = torch.from_numpy(case.x).clone().requires_grad_()
    y = torch.from_numpy(case.y)

    def step() -> torch.Tensor:
        x.grad = None
        result = value(x, y)
        result.backward()
        return result.detach()

    return step


def eager(case: Case) -> Run | None:
    """As written."""
    return _run(case, VALUES[case.loss]) if case.loss in VALUES else None


def compiled(case: Case) -> Run | None:
    """Through ``torch.compile``, once for this shape."""
    if case.loss not in VALUES:
        return None
    torch.compiler.reset()
    return _run(case, torch.compile(VALUES[case.loss], dynamic=False))
