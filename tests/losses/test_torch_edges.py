"""torch's edges: infinities, weights of zero, divisors of its own, alignments that do not exist."""

import numpy as np
import pytest

from .discovery import subject
from .torch_peers import (
    ELEMENTWISE,
    GRID,
    NAMES,
    PEERED,
    WEIGHTED,
    assert_close,
    call_torch,
    functional,
    signature,
    torch,
    with_defaults,
)

# Arguments of torch that are no part of a loss: arrays, and names of reductions.
COMMON = {"reduction", "size_average", "reduce"}


def peer(loss):
    return dict(loss.peers)["torch"]


@pytest.mark.parametrize(("loss", "variant"), PEERED)
def test_torch_has_no_argument_that_we_lack(loss, variant):
    arrays = [p.name for p in loss.parameters if p.kind in ("pred", "target", "class", "labels", "length")]
    theirs = [name for name in signature(peer(loss)) if name not in COMMON][len(arrays) :]
    ours = {NAMES.get(p.name, p.name) for p in loss.parameters} | {"weight"}
    assert set(theirs) <= ours


@pytest.mark.parametrize(("loss", "variant"), PEERED)
def test_the_parameters_that_are_compared_vary(loss, variant):
    known, declared = signature(peer(loss)), {p.name: p.other or p for p in loss.parameters}
    seen = {}
    for seed in range(4):  # as the comparisons do
        it = subject(loss, variant, count=8, seed=seed)
        for tensor in variant.program.inputs:
            compared = tensor.role in ("param", "per_class") and tensor.dtype == "float"
            if compared and NAMES.get(tensor.name, tensor.name) in known:
                seen.setdefault(tensor.name, set()).update(it.cases[0].inputs[tensor.name].ravel().tolist())
    assert all(values - {declared[name].default} for name, values in seen.items()), seen


INFINITE = [
    pytest.param(*p.values, sign, id=f"{p.id}{sign}")
    for p in PEERED
    if p.values[0].structure in ("elementwise", "row") and len(p.values[1].program.predictions) == 1
    for sign in ("-inf", "inf")
]


@pytest.mark.parametrize(("loss", "variant", "sign"), INFINITE)
def test_one_infinite_prediction(loss, variant, sign):
    it, rng = subject(loss, variant, count=8), np.random.default_rng(7)
    (tensor,) = variant.program.predictions
    cases = with_defaults(it, it.cases)
    for case in cases:
        flat = case.inputs[tensor.name].reshape(-1)
        flat[rng.integers(flat.size)] = float(sign)
    for case in cases:  # one by one: where torch has a number, which it has not for every sample
        given = it.of([case])
        theirs, (gradient,) = call_torch(it, given, "sum")
        if not np.isnan(theirs):
            assert_close(it.function(**given, reduction="sum"), theirs)
        if np.isfinite(theirs):
            assert_close(it.function.grad(**given, reduction="sum"), gradient)


IGNORING = [p for p in PEERED if "ignore_index" in signature(peer(p.values[0]))]


@pytest.mark.parametrize("ignored", [1, -100, 255])
@pytest.mark.parametrize(("loss", "variant"), IGNORING)
def test_any_index_may_be_ignored(loss, variant, ignored):
    it = subject(loss, variant, count=8)
    given = {**it.of(with_defaults(it, it.cases)), "ignore_index": ignored}
    (label,) = (t.name for t in variant.program.inputs if t.role == "class")
    given[label][:2] = ignored
    for reduction in ("none", "mean", "sum"):
        theirs, (gradient,) = call_torch(it, given, reduction)
        ours, mine = it.function.value_and_grad(**given, reduction=reduction)
        assert_close(ours, theirs)
        assert_close(mine, gradient)


PER_CLASS = [p for p in PEERED if any(t.role == "per_class" for t in p.values[1].program.inputs)]


@pytest.mark.parametrize(("loss", "variant"), PER_CLASS)
def test_class_weights_of_zero(loss, variant):
    it = subject(loss, variant, count=4)
    given = it.of(with_defaults(it, it.cases))
    (name,) = (t.name for t in variant.program.inputs if t.role == "per_class")
    given[name] = np.zeros_like(given[name])
    for reduction in ("none", "sum", "mean"):
        theirs, gradients = call_torch(it, given, reduction)
        ours, mine = it.function.value_and_grad(**given, reduction=reduction)
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(np.isnan(mine).any(), np.isnan(gradients[0]).any())


BATCHMEAN = [p for p in PEERED if "batchmean" in str(getattr(functional, peer(p.values[0])).__doc__)]


@pytest.mark.parametrize("shape", [(3,), (2, 3), ()], ids=str)
@pytest.mark.parametrize(("loss", "variant"), BATCHMEAN)
def test_batchmean_divides_by_the_first_dimension(loss, variant, shape):
    rng = np.random.default_rng(2)
    x, y = -rng.exponential(size=shape), rng.uniform(0.1, 1, shape)
    options = {n: v for n, v in dict(variant.static).items() if n in signature(peer(loss))}
    ours = subject(loss, variant, count=2).function(x, y, reduction="batchmean", **options)
    theirs = getattr(functional, peer(loss))(
        torch.tensor(x), torch.tensor(y), reduction="batchmean", **options
    )
    assert_close(ours, theirs.numpy())


LATTICES = [p for p in PEERED if p.values[0].structure == "recurrence"]
# Frames, labels, frames used, labels used: nothing to align, too few frames, none at all, the rest unused.
ALIGNED = [
    (3, [1], 3, 1),
    (3, [1, 2], 3, 2),
    (3, [1, 1], 3, 2),
    (2, [1, 1], 2, 2),
    (3, [1], 3, 0),
    (3, [1], 0, 0),
    (3, [1], 0, 1),
    (4, [1, 2], 2, 2),
]


@pytest.mark.parametrize(("loss", "variant"), LATTICES)
def test_alignments(loss, variant):
    static = {n: v for n, v in dict(variant.static).items() if v != "exact"}
    known = {n: v for n, v in static.items() if n in signature(peer(loss))}
    function = subject(loss, variant, count=2).function
    for frames, labels, used, length in ALIGNED:
        x = torch.full((frames, 1, 3), -np.log(3.0), dtype=torch.float64, requires_grad=True)
        for reduction in ("none", "sum", "mean"):
            theirs = getattr(functional, peer(loss))(
                x,
                torch.tensor([labels]),
                torch.tensor([used]),
                torch.tensor([length]),
                reduction=reduction,
                **known,
            )
            arrays = (x.detach().numpy(), np.array([labels]), [used], [length])
            assert_close(function(*arrays, reduction=reduction, **static), theirs.detach().numpy())
            (gradient,) = torch.autograd.grad(theirs.sum(), x)
            if dict(variant.static)["convention"] == "torch" and bool(torch.isfinite(theirs).all()):
                assert_close(function.grad(*arrays, reduction=reduction, **static), gradient.numpy())


@pytest.mark.parametrize(("loss", "variant"), ELEMENTWISE)
def test_every_derivative_at_ends_of_branches(loss, variant):
    # Also by the target, the second one, and for labels that are no probabilities: torch takes any number.
    it = subject(loss, variant, count=2)
    first, second = (t.name for t in variant.program.inputs if t.role in ("pred", "target"))
    grid = np.stack(np.meshgrid(GRID, GRID)).reshape(2, -1)
    given = {**it.given, first: grid[0], second: grid[1]}
    known = {n: v for n, v in given.items() if n in signature(peer(loss)) and n not in (first, second)}
    options = {n: torch.tensor(v) if n == "pos_weight" else v for n, v in known.items()}
    x, y = (torch.tensor(given[name], requires_grad=True) for name in (first, second))
    theirs = getattr(functional, peer(loss))(x, y, **options, reduction="none")
    slopes = torch.autograd.grad(theirs.sum(), (x, y), create_graph=True)
    assert_close(it.function(**given, reduction="none"), theirs.detach().numpy())
    ours = it.function.grad(**given, reduction="sum", wrt=(first, second))
    for mine, other in zip(ours, slopes, strict=True):
        assert_close(mine, other.detach().numpy())
    bend = None
    if slopes[0].requires_grad:
        (bend,) = torch.autograd.grad(slopes[0].sum(), x, allow_unused=True)
    curvature = np.zeros(grid[0].shape) if bend is None else bend.numpy(force=True)
    assert_close(it.function.grad_and_hess(**given)[1], curvature)


@pytest.mark.parametrize(("loss", "variant"), WEIGHTED)
def test_weights_of_zero(loss, variant):
    it = subject(loss, variant, count=4)
    given = it.of(with_defaults(it, it.cases))
    names = [n for n in given if n in it.arrangement.placements]
    options = {n: v for n, v in given.items() if n in signature(peer(loss)) and n not in names}
    options = {n: torch.tensor(v) if n == "pos_weight" else v for n, v in options.items()}
    x, *others = (torch.tensor(given[name], requires_grad=True) for name in names)
    theirs = getattr(functional, peer(loss))(x, *others, **options, weight=torch.zeros(4, dtype=x.dtype))
    (gradient,) = torch.autograd.grad(theirs, x)
    value, mine = it.function.value_and_grad(**given, weight=np.zeros(4))
    np.testing.assert_array_equal(value, theirs.detach().numpy())
    np.testing.assert_array_equal(mine, gradient.numpy())


def test_some_loss_meets_every_edge():
    assert INFINITE
    assert IGNORING
    assert BATCHMEAN
    assert PER_CLASS
    assert LATTICES
