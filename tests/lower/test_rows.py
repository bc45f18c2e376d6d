"""What loops over a row need not do: compute an exponential again, or a sum that is multiplied with 0."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sympy import Eq, exp

from lossgen.algebra.axes import Axis, fresh
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Tensor
from lossgen.algebra.vocabulary import logshare
from lossgen.derive.model import Routine
from lossgen.lower import ir, lower
from lossgen.lower.idle import skip_idle
from lossgen.lower.recall import recall
from lossgen.spec.model import Assign, Sweep
from tests.lower.kernels import module, run

C = Axis("C")
x, z = Tensor("x", (C,), role="pred"), Tensor("z", (C,), role="target")
y = Tensor("y", (), "int", "class")
part = Tensor("part", role="param", domain="unit")
weight, scale = Tensor("weight", role="weight"), Tensor("scale0", role="scale")
grad = Tensor("grad_x", (C,), role="output")
c, j, k = fresh(C), fresh(C), fresh(C)
LSE = Reduction("lse", x[j], j)
SUM = Reduction("sum", z[k] * x[k], k)


def routine(value, slope) -> Routine:
    steps = (Sweep((c,), (Assign(grad[c], scale[()] * weight[()] * slope),)),)
    return Routine("gradient", (x, z, y, part, weight, scale), (grad,), steps, (weight[()] * value,))


def smoothed() -> Routine:
    share = exp(logshare(x[c], LSE))
    return routine(
        part[()] * SUM - logshare(x[y[()]], LSE), share - Where(Eq(c, y[()]), 1, 0) + part[()] * z[c]
    )


def exponentials(function: ir.Function) -> int:
    loops = tuple(s for s in function.body if isinstance(s, ir.Loop))
    return sum(isinstance(e, ir.Op) and e.name == "exp" for e in ir.expressions(loops))


def test_an_exponential_of_each_entry_is_computed_once() -> None:
    function = lower(smoothed())
    assert exponentials(function) == 2
    kept = recall(function)
    assert exponentials(kept) == 1
    assert len(kept.workspace) == 1


def test_what_is_stored_to_is_computed_again() -> None:
    function = lower(smoothed())
    last = max(k for k, s in enumerate(function.body) if isinstance(s, ir.Loop))
    loop = function.body[last]
    assert isinstance(loop, ir.Loop)
    place = (ir.Var(loop.index, "int"),)
    stored = replace(loop, body=(ir.Store("x", place, ir.Load("z", place, "float")),))
    changed = replace(function, body=(*function.body[:last], stored, *function.body[last:]))
    assert recall(changed) == changed


@pytest.mark.parametrize(
    ("value", "guarded"),
    [
        (part[()] * SUM, True),
        (part[()] / 3 * SUM + x[y[()]], True),
        (part[()] * (SUM + x[y[()]]), True),
        (part[()] + SUM, False),
        ((1 - part[()]) * SUM, False),
        (part[()] * SUM + SUM**2, False),
    ],
)
def test_a_sum_waits_for_the_parameter_that_it_is_multiplied_with(value, guarded: bool) -> None:
    function = lower(routine(value, x[c]))
    idle = skip_idle(function, ["part"])
    assert any(isinstance(s, ir.If) for s in idle.body) == guarded
    assert idle == function or guarded


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [5, 70])
def test_kernels_that_skip_and_recall(tmp_path: Path, dtype: type, size: int) -> None:
    made = module(tmp_path, smoothed())
    rng = np.random.default_rng(3)
    rows, targets = (rng.normal(size=(7, size)).astype(dtype) for _ in range(2))
    labels, parts = rng.integers(0, size, 7), np.array([0, 0.1, 0, 1, 0.5, 0, 0.25], dtype)
    found = np.empty((7, size), dtype)
    ones, mask = np.ones(7, dtype), np.ones(7, bool)
    total = run(made, "gradient", [rows, targets, labels, parts, ones], [found], samples=7, mask=mask)
    wide, exact = np.float64(rows), np.exp(np.float64(rows))
    shares = exact / exact.sum(1, keepdims=True)
    at = np.arange(7), labels
    value = np.float64(parts) * (wide * targets).sum(1) - np.log(shares[at])
    slope = shares + parts[:, None] * targets
    slope[at] -= 1
    tight = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(total, value.sum(), rtol=tight * 7)
    np.testing.assert_allclose(found, slope, rtol=tight, atol=tight)
    # An infinite logit has the whole share, and all others none.
    rows[0, 0] = np.inf
    labels = np.ones(7, int)
    run(made, "gradient", [rows, targets, labels, parts * 0, ones], [found], samples=7, mask=mask)
    assert np.isnan(found[0, 0])
    np.testing.assert_array_equal(found[0, 1:], np.where(np.arange(1, size) == 1, -1, 0))
