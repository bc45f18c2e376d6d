"""Where a peer in torch is declared, float64 values and gradients agree with it."""

import inspect
import math

import numpy as np
import pytest

from lossgen.oracle.evaluate import Case

from .discovery import LOSSES, as_list, per_sample, subject
from .empty import EMPTY, emptied

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lossgen[torch]'")
functional = torch.nn.functional
# torch explains the mean of its divergence at every call.
pytestmark = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss:UserWarning")

# torch's name of our argument, where it differs.
NAMES = {"class_weight": "weight"}
# Coarse values, so that ties, hinges and ends of branches are hit exactly.
GRID = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
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


PEERED = [
    pytest.param(loss, variant, id=f"{loss.name}-{variant.suffix or 'default'}")
    for loss in LOSSES
    if "torch" in dict(loss.peers)
    for variant in loss.variants
    if comparable(loss, variant)
]


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


def _classes(it, case):
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
                    labels == blank, (blank + 1) % max(1, _classes(it, case)), labels
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


WEIGHTED = [
    param
    for param in PEERED
    if "weight" in signature(dict(param.values[0].peers)["torch"])
    and not any(tensor.role == "per_class" for tensor in param.values[1].program.inputs)
]
ELEMENTWISE = [param for param in PEERED if param.values[0].structure == "elementwise"]


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
