"""Other choices of a shipped loss than those it ships with are compiled on first use."""

import numpy as np
import pytest

import lossgen
import lossgen.losses as L
from lossgen.errors import LossError
from lossgen.runtime.bind import Request

from .judging import judged


def unshipped():
    """Shipped losses of several choices, each with a combination that has no kernels yet."""
    found = []
    for name, shipped in L.all().items():
        statics = shipped.entry.statics
        if len(statics) < 2:
            continue
        combination = {s.name: next(c for c in reversed(s.choices) if c != s.default) for s in statics}
        if all(dict(v.static) != combination for v in shipped.entry.variants):
            found.append(pytest.param(name, combination, id=name))
    return found


@pytest.mark.parametrize(("name", "combination"), unshipped())
def test_other_choices_of_a_shipped_loss_are_compiled_on_first_use(name, combination):
    shipped = L.all()[name]
    fixed = lossgen.compile(shipped.spec.with_(**combination))
    request = Request({})
    request.static.update(combination)
    variant, kernels = shipped.prepared(request)
    assert combination.items() <= dict(variant.static).items()
    assert shipped.prepared(request) == (variant, kernels)
    # The same formula, compiled in another way.
    assert variant.formula == fixed.latex
    request.static[next(iter(combination))] = "other"
    with pytest.raises(LossError, match="is not a choice"):
        shipped.prepared(request)


# How many numbers fall short, with the reason; a row that is not needed any more fails.
SHORT = {
    ("soft_dice", "gradient class_weight", "float32"): (
        5,
        "the weight of the only class that counts nearly cancels: nearly equal quotients are subtracted",
    ),
}


@pytest.mark.full
@pytest.mark.parametrize(("name", "combination"), unshipped())
def test_other_choices_agree_with_the_exact_expression(name, combination):
    shipped, request = L.all()[name], Request({})
    request.static.update(combination)
    variant, _ = shipped.prepared(request)
    rows = judged(shipped, points=6, variant=variant)
    failing = [row for row in rows if row.failed > 1]
    known = {key: count for key, (count, _) in SHORT.items() if key[0] == name}
    assert {(name, row.output, str(row.dtype)): row.failed for row in failing} == known, failing


def test_a_call_with_other_choices_runs_them():
    chosen = {"exponent": 2, "log": True}
    shipped = L.soft_dice
    assert all(dict(v.static) | chosen != dict(v.static) for v in shipped.entry.variants)
    fixed = lossgen.compile(shipped.spec.with_(**chosen))
    x, y = np.random.default_rng(0).random((2, 3, 1, 8))
    for mine, theirs in zip(shipped.value_and_grad(x, y, **chosen), fixed.value_and_grad(x, y), strict=True):
        assert np.array_equal(mine, theirs)
    assert not np.array_equal(shipped.grad(x, y), fixed.grad(x, y))
