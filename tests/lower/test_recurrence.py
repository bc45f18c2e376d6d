"""A recurrence over two axes with lengths per sample, its reverse sweep with scattered additions, and the
prepass.
"""

from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from sympy import Ne

from lossgen.algebra.axes import Axis, fresh
from lossgen.algebra.nodes import Where
from lossgen.algebra.tensors import Tensor
from lossgen.derive.model import Prepass, Routine
from lossgen.lower.prepass import prepass_routine
from lossgen.spec.model import Assign, Sweep
from tests.lower.kernels import module, run

T, U, C = Axis("T"), Axis("U"), Axis("C")
x = Tensor("x", (T, C), role="pred")
labels = Tensor("labels", (U,), "int", "labels")
steps_length = Tensor("steps", (), "int", "length")
label_length = Tensor("count", (), "int", "length")
weight = Tensor("weight", role="weight")
scale = Tensor("scale0", role="scale")
EXTENTS = ((T, steps_length[()]), (U, label_length[()]))
ONE = np.ones(1)
RNG = np.random.default_rng(3)


def gradient_routine() -> Routine:
    """Sum over paths: a[t, u] = x[t, labels[u]] * (a[t-1, u] + a[t-1, u-1]), started at a[0, 0]."""
    a, bar, grad = Tensor("a", (T, U)), Tensor("bar", (T, U)), Tensor("grad_x", (T, C), role="output")
    t, u = fresh(T), fresh(U)
    before = Where(t >= 1, a[t - 1, u], 0) + Where(sp.And(t >= 1, u >= 1), a[t - 1, u - 1], 0)
    start = Where(sp.And(sp.Eq(t, 0), sp.Eq(u, 0)), 1, before)
    emitted = x[t, labels[u]]
    forward = Sweep((t, u), (Assign(a[t, u], emitted * start),))
    seed = Sweep((), (Assign(bar[T - 1, U - 1], scale[()] * weight[()], add=True),))
    back = Sweep(
        (t, u),
        (
            Assign(bar[t - 1, u], bar[t, u] * emitted, add=True, guard=t >= 1),
            Assign(bar[t - 1, u - 1], bar[t, u] * emitted, add=True, guard=sp.And(t >= 1, u >= 1)),
        ),
        reverse=True,
    )
    scatter = Sweep((t, u), (Assign(grad[t, labels[u]], bar[t, u] * start, add=True),))
    inputs = (x, labels, steps_length, label_length, weight, scale)
    results = (weight[()] * a[T - 1, U - 1],)
    return Routine("gradient", inputs, (grad,), (forward, seed, back, scatter), results, extents=EXTENTS)


def reference(rows: np.ndarray, chosen: np.ndarray) -> float:
    a = np.zeros((len(rows), len(chosen)))
    for t in range(len(rows)):
        for u in range(len(chosen)):
            before = (a[t - 1, u] if t else 0) + (a[t - 1, u - 1] if t and u else 0)
            a[t, u] = rows[t, chosen[u]] * (1 if t == u == 0 else before)
    return float(a[-1, -1])


def test_recurrence_and_its_reverse(tmp_path: Path) -> None:
    made = module(tmp_path, gradient_routine())
    rows = RNG.random((3, 6, 4))
    chosen = RNG.integers(0, 4, (3, 3))
    lengths, counts = np.array([6, 4, 5]), np.array([3, 2, 1])
    # Labels beyond the length are never read.
    chosen[1, 2] = chosen[2, 1:] = 10**12
    grad = np.empty_like(rows)
    total = run(made, "gradient", [rows, chosen, lengths, counts, ONE], [grad], samples=3, block=2)
    expected = [reference(rows[n, : lengths[n]], chosen[n, : counts[n]]) for n in range(3)]
    np.testing.assert_allclose(total, sum(expected), rtol=1e-14)
    for n in range(3):
        assert not grad[n, lengths[n] :].any()
        for t, c in np.ndindex(lengths[n], 4):
            # The value is linear in every single entry that each path meets once.
            moved = rows[n].copy()
            moved[t, c] += 1.0
            slope = reference(moved[: lengths[n]], chosen[n, : counts[n]]) - expected[n]
            np.testing.assert_allclose(grad[n, t, c], slope, rtol=1e-11, atol=1e-13)


def checks() -> Routine:
    prepass = Prepass(
        inputs=(labels, steps_length, label_length),
        divisors=(sp.Integer(2),),
        items=((),),
        weight=weight,
        mean_scale=1 / sp.Max(1, U),
        keep=Ne(steps_length[()], 0),
        extents=EXTENTS,
    )
    over = {"labels": C, "steps": T, "count": U}
    return prepass_routine(prepass, over, (x, labels, steps_length, label_length))


def test_prepass(tmp_path: Path) -> None:
    made = module(tmp_path, gradient_routine(), prepass=checks(), mean_scale=True)
    rows, chosen = RNG.random((4, 6, 4)), np.array([[0, 1, 99], [3, 2, 1], [-5, 0, 0], [0, 0, 0]])
    lengths, counts = np.array([6, 1, 0, 3]), np.array([2, 3, 3, 0])
    factors = np.full(4, np.nan)
    divisor, bad = made.prepass(rows, chosen, lengths, counts, np.array([0.5]), np.ones(1, bool), factors)
    assert (divisor, bad) == (3.0, -1)
    np.testing.assert_allclose(factors, [1 / 2, 1 / 3, 0, 1])
    mask = np.array([True, False, True, True])
    divisor, bad = made.prepass(rows, chosen, lengths, counts, np.arange(4.0), mask, factors)
    assert (divisor, bad) == (6.0, -1)


@pytest.mark.parametrize(
    ("sample", "change"),
    [
        (0, ("labels", 1, 4)),
        (1, ("labels", 2, -1)),
        (3, ("steps", None, 7)),
        (0, ("steps", None, -1)),
        (1, ("count", None, 4)),
    ],
)
def test_prepass_finds_what_is_out_of_range(
    tmp_path: Path, sample: int, change: tuple[str, int | None, int]
) -> None:
    made = module(tmp_path, gradient_routine(), prepass=checks(), mean_scale=True)
    rows, chosen = RNG.random((4, 6, 4)), np.zeros((4, 3), np.int64)
    lengths, counts = np.full(4, 6), np.full(4, 3)
    name, place, value = change
    if place is None:
        {"steps": lengths, "count": counts}[name][sample] = value
    else:
        chosen[sample, place] = value
    arguments = rows, chosen, lengths, counts, ONE
    assert made.prepass(*arguments, np.ones(1, bool), np.empty(4))[1] == sample
    mask = np.ones(4, bool)
    mask[sample] = False
    assert made.prepass(*arguments, mask, np.empty(4))[1] == -1
