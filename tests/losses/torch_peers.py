"""Losses beside the functions of torch that they declare as peers."""

import inspect

import numpy as np
import pytest

from lossgen.oracle.evaluate import Case
from tests.shipped import VARIANTS

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lossgen[torch]'")
functional = torch.nn.functional
# torch's name of our argument, where it differs.
NAMES = {"class_weight": "weight"}
# Coarse values, so that ties, hinges and ends of branches are hit exactly.
GRID = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)


def signature(peer):
    return inspect.signature(getattr(functional, peer)).parameters


def comparable(loss, variant):
    """Whether torch has the static choices of a variant."""
    known = signature(dict(loss.peers)["torch"])
    defaults = dict(loss.variants[0].static)
    for name, value in variant.static:
        if name not in known and value != defaults[name] and value != "torch":
            return False
    return True


PEERED = [param for param in VARIANTS if "torch" in dict(param.values[0].peers) and comparable(*param.values)]
WEIGHTED = [
    param
    for param in PEERED
    if "weight" in signature(dict(param.values[0].peers)["torch"])
    and not any(tensor.role == "per_class" for tensor in param.values[1].program.inputs)
]
ELEMENTWISE = [param for param in PEERED if param.values[0].structure == "elementwise"]


def call_torch(it, given, reduction):
    """Return torch's value and its gradients of the sum."""
    peer, known = dict(it.loss.peers)["torch"], signature(dict(it.loss.peers)["torch"])
    tensors = [t for t in it.variant.program.inputs if t.name in it.arrangement.placements]
    arrays = [torch.tensor(given[t.name], requires_grad=t.role == "pred") for t in tensors]
    options = {}
    for name, value in given.items():
        theirs = NAMES.get(name, name)
        if name in it.arrangement.placements or theirs not in known:
            continue
        as_tensor = theirs in ("weight", "pos_weight")
        options[theirs] = (
            torch.as_tensor(value, dtype=torch.float64)
            if as_tensor
            else float(value)
            if value == "inf"
            else value
        )
    value = getattr(functional, peer)(*arrays, **options, reduction=reduction)
    value.sum().backward()
    return value.detach().numpy(), [
        a.grad.numpy() for t, a in zip(tensors, arrays, strict=True) if t.role == "pred"
    ]


def unknown_parameters(it):
    """Parameters that torch does not have must have the value at which they do nothing: their default."""
    known = signature(dict(it.loss.peers)["torch"])
    declared = {p.name: p.default for p in it.loss.parameters}
    return {
        t.name: declared[t.name]
        for t in it.variant.program.inputs
        if t.role in ("param", "per_class") and NAMES.get(t.name, t.name) not in known
    }


def classes_of(it, case):
    tensor = it.variant.program.predictions[0]
    return case.inputs[tensor.name].shape[-1]


def with_defaults(it, cases):
    fixed = unknown_parameters(it)
    for case in cases:
        for tensor in it.variant.program.inputs:
            if tensor.role == "labels" and "blank" in case.inputs:
                # A blank among the labels has no meaning: torch takes it, and its gradient then is not one.
                labels, blank = case.inputs[tensor.name], int(case.inputs["blank"])
                case.inputs[tensor.name] = np.where(
                    labels == blank, (blank + 1) % max(1, classes_of(it, case)), labels
                )
    return [
        Case({n: np.full_like(a, fixed[n]) if n in fixed else a for n, a in case.inputs.items()})
        for case in cases
    ]


def assert_close(ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    finite = np.isfinite(theirs)
    scale = max(1.0, float(np.max(np.abs(theirs[finite]), initial=0.0)))
    np.testing.assert_allclose(ours[finite], theirs[finite], rtol=0, atol=1e-12 * scale)
    infinite = np.isinf(theirs)
    np.testing.assert_array_equal(ours[infinite], theirs[infinite])
