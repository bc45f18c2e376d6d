"""Where a peer in torch is declared, float64 values and gradients agree with it."""

import math

import numpy as np
import pytest

from lossgen.oracle.evaluate import Case

from .discovery import as_list, per_sample, subject
from .empty import EMPTY, emptied
from .torch_peers import (
    ELEMENTWISE,
    GRID,
    PEERED,
    WEIGHTED,
    assert_close,
    call_torch,
    functional,
    signature,
    torch,
    with_defaults,
)

# torch explains the mean of its divergence at every call.
pytestmark = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss:UserWarning")

# Differences that are meant; everything else must agree. (test, function of torch, variant): reason.
EXCEPTIONS = {
    (
        "ties",
        "triplet_margin_loss",
        "p_inf",
    ): "the first of equal maxima owns the derivative; torch splits it",
    ("gradient", "ctc_loss", ""): "the exact derivative; convention='torch' adds exp(x), as torch does",
    ("nothing", "multi_margin_loss", ""): "torch returns a number that it never wrote",
    ("nothing", "multi_margin_loss", "p_2"): "as above",
    ("gradient", "ctc_loss", "zero_infinity"): "the exact derivative, as above",
}


def agree(it, cases):
    given = it.of(cases)
    for reduction in ("none", "mean", "sum"):
        theirs, gradients = call_torch(it, given, reduction)
        ours = it.function(**given, reduction=reduction)
        if reduction == "none":
            assert_close(per_sample(it, ours).ravel(), theirs.ravel())
        else:
            assert_close(ours, theirs)
        if ("gradient", dict(it.loss.peers)["torch"], it.variant.suffix) in EXCEPTIONS:
            continue
        for mine, other in zip(
            as_list(it.function.grad(**given, reduction=reduction)), gradients, strict=True
        ):
            assert_close(mine, other)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("loss", "variant"), PEERED)
def test_ordinary_inputs(loss, variant, seed):
    it = subject(loss, variant, count=8, seed=seed)
    agree(it, with_defaults(it, it.cases))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("loss", "variant"), PEERED)
def test_ties_and_ends_of_branches(loss, variant, seed):
    if ("ties", dict(loss.peers)["torch"], variant.suffix) in EXCEPTIONS:
        return
    it, rng = subject(loss, variant, count=8, seed=seed), np.random.default_rng(seed)
    cases = []
    for case in with_defaults(it, it.cases):
        inputs = dict(case.inputs)
        for tensor in variant.program.inputs:
            if tensor.role in ("pred", "target") and tensor.dtype == "float" and tensor.domain == "real":
                inputs[tensor.name] = rng.choice(GRID, inputs[tensor.name].shape)
        cases.append(Case(inputs))
    agree(it, cases)


@pytest.mark.parametrize(("loss", "variant"), PEERED)
def test_large_inputs(loss, variant):
    it = subject(loss, variant, count=4)
    cases = []
    for case in with_defaults(it, it.cases):
        inputs = dict(case.inputs)
        for tensor in variant.program.predictions:
            if tensor.domain == "real":
                inputs[tensor.name] = inputs[tensor.name] * 1000.0
        cases.append(Case(inputs))
    agree(it, cases)


def nothing(it, given):
    """A call without samples."""
    batch = {name: placement.batch[0] for name, placement in it.arrangement.placements.items()}
    return {n: np.take(a, [], axis=batch[n]) if n in batch else a for n, a in given.items()}


@pytest.mark.parametrize(("loss", "variant"), PEERED)
def test_no_samples(loss, variant):
    if ("nothing", dict(loss.peers)["torch"], variant.suffix) in EXCEPTIONS:
        return
    it = subject(loss, variant, count=2)
    given = nothing(it, it.of(with_defaults(it, it.cases)))
    compared = [agree_on_little(it, given, reduction) for reduction in ("none", "mean", "sum")]
    assert any(compared) or loss.structure == "recurrence"


BESIDE = [p for p in EMPTY if any(p.values[:2] == one.values for one in PEERED)]


@pytest.mark.parametrize(("loss", "variant", "axis"), BESIDE)
def test_empty_axes(loss, variant, axis):
    it, cases = emptied(loss, variant, axis)
    for reduction in ("none", "mean", "sum"):
        agree_on_little(it, it.of(with_defaults(it, cases)), reduction)


def agree_on_little(it, given, reduction):
    """Compare values where torch has one, and the shapes of gradients; tell whether it has one."""
    try:
        theirs, gradients = call_torch(it, given, reduction)
    except (RuntimeError, IndexError):
        return False
    value, ours = it.function.value_and_grad(**given, reduction=reduction)
    np.testing.assert_allclose(value, theirs, rtol=1e-12)
    assert [mine.shape for mine in as_list(ours)] == [other.shape for other in gradients]
    return True


@pytest.mark.parametrize(("loss", "variant"), WEIGHTED)
def test_weighted_means(loss, variant):
    # Where torch takes an elementwise weight, what its mean divides by differs from loss to loss.
    peer = dict(loss.peers)["torch"]
    it = subject(loss, variant, count=4)
    cases, weight = with_defaults(it, it.cases), np.array([1.0, 0.0, 3.0, 0.25])
    given = it.of(cases)
    names = [n for n in given if n in it.arrangement.placements]
    arrays = [torch.tensor(given[name], requires_grad=True) for name in names]
    for reduction in ("none", "mean", "sum"):
        options = {k: v for k, v in given.items() if k in signature(peer)}
        options = {k: torch.tensor(v) if k == "pos_weight" else v for k, v in options.items()}
        theirs = getattr(functional, peer)(
            *arrays, **options, weight=torch.tensor(weight), reduction=reduction
        )
        assert_close(it.function(**given, weight=weight, reduction=reduction), theirs.detach().numpy())
        (gradient, *_) = torch.autograd.grad(theirs.sum(), arrays[:1])
        assert_close(
            as_list(it.function.grad(**given, weight=weight, reduction=reduction))[0], gradient.numpy()
        )


@pytest.mark.parametrize(("loss", "variant"), ELEMENTWISE)
def test_nothing(loss, variant):
    it = subject(loss, variant, count=2)
    given = {n: v[:0] if n in it.arrangement.placements else v for n, v in it.given.items()}
    value = getattr(functional, dict(loss.peers)["torch"])(
        *(torch.tensor(given[n]) for n in given if n in it.arrangement.placements)
    )
    assert math.isnan(value.item())
    assert math.isnan(it.function(**given))


def test_some_loss_has_a_peer():
    assert PEERED
    assert WEIGHTED
    assert ELEMENTWISE
    for kind, peer, suffix in EXCEPTIONS:
        assert kind in ("gradient", "ties", "nothing")
        assert any(
            dict(p.values[0].peers)["torch"] == peer and p.values[1].suffix == suffix for p in PEERED
        ), "an exception that nothing needs"
