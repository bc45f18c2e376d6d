"""PyTorch, eager and compiled: its own function where it has the loss, else the formula."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn import functional

from benchmarks.cases import GRADIENT, HESSIAN, VALUE, Case
from benchmarks.contestants.formulas import formula
from benchmarks.peers.named import peer
from benchmarks.timing import Run

torch.set_num_threads(len(os.sched_getaffinity(0)))

_FUNCTIONS = ("where", "exp", "log", "log1p", "abs", "sqrt", "relu", "sigmoid", "logsumexp", "argsort")
NAMES = SimpleNamespace(take=torch.take_along_dim, **{name: getattr(torch, name) for name in _FUNCTIONS})

Value = Callable[..., torch.Tensor]


def _value(case: Case) -> Value | None:
    name = peer("torch", case.loss, case.entry.peers)
    return formula(case.loss, NAMES) if name is None else getattr(functional, name)


def _tensors(case: Case, given: Mapping[str, Any]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return all arguments, and those of them that are differentiated by."""
    tensors = {name: torch.from_numpy(array) for name, array in given.items()}
    return list(tensors.values()), [tensors[name] for name in case.gradients]


def eager(case: Case, given: Mapping[str, Any]) -> Run | None:
    """Forward and backward, as written."""
    value = _value(case)
    if value is None:
        return None
    tensors, by = _tensors(case, given)

    def forward() -> Any:
        with torch.no_grad():
            return value(*tensors)

    def backward() -> Any:
        for one in by:
            one.grad = None
        result = value(*tensors)
        result.backward()
        return result.detach(), *(one.grad for one in by)

    def twice() -> Any:
        (slope,) = torch.autograd.grad(value(*tensors), by, create_graph=True)
        return slope.detach(), *torch.autograd.grad(slope.sum(), by)

    if case.output != VALUE:
        for one in by:
            one.requires_grad_()
    if case.output == HESSIAN and case.entry.structure != "elementwise":
        return None  # no diagonal without a call for each entry
    return Run({VALUE: forward, GRADIENT: backward, HESSIAN: twice}[case.output])


def compiled(case: Case, given: Mapping[str, Any]) -> Run | None:
    """Through ``torch.compile``, once for this shape: value and gradient as one graph, which is quicker."""
    value = _value(case)
    if value is None or case.output == HESSIAN:
        return None
    torch.compiler.reset()
    tensors, _ = _tensors(case, given)
    if case.output == VALUE:
        step = torch.compile(value, dynamic=False)
    else:
        places = tuple(list(given).index(name) for name in case.gradients)
        both = torch.func.grad_and_value(value, argnums=places if len(places) > 1 else places[0])
        step = torch.compile(both, dynamic=False)

    def call() -> Any:
        with torch.no_grad():
            found = step(*tensors)
        return found if case.output == VALUE else (found[1], found[0])

    return Run(call)
