"""What does not know an outer loop runs before it: sums of columns are not taken again for each row."""

from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from lossgen.algebra.axes import Axis, fresh
from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Tensor
from lossgen.algebra.vocabulary import logshare
from lossgen.derive.model import Routine
from lossgen.lower import lower
from lossgen.lower.work import deepest
from lossgen.spec.model import Assign, Sweep
from tests.lower.kernels import module, run

N, C = Axis("N"), Axis("C")
x, z = Tensor("x", (N, C), role="pred"), Tensor("z", (N,), "int", "class")
weight, scale = Tensor("weight", role="weight"), Tensor("scale0", role="scale")
grad = Tensor("grad_x", (N, C), role="output")
n, c, j = fresh(N), fresh(C), fresh(N)
COLUMN = Reduction("lse", x[j, c], j)


def routine(slope: sp.Expr) -> Routine:
    steps = (Sweep((n, c), (Assign(grad[n, c], scale[()] * slope),)),)
    return Routine("gradient", (x, z, weight, scale), (grad,), steps, (weight[()] * x[0, 0],))


SHARE = sp.exp(logshare(x[n, c], COLUMN))


@pytest.mark.parametrize(
    ("slope", "tables"),
    [
        (SHARE, 2),
        # Wanted in one branch alone, and twice.
        (Where(sp.Gt(x[n, c], 0), SHARE, x[n, c]), 2),
        (SHARE + Where(sp.Gt(x[n, c], 0), COLUMN, 0), 2),
        (x[n, c] * Reduction("sum", x[j, c] ** 2, j), 1),
    ],
)
def test_columns_stand_in_tables(slope: sp.Expr, tables: int) -> None:
    function = lower(routine(slope))
    assert len(deepest(function.body)) == 2
    assert len(function.workspace) == tables


def test_what_rows_choose_stays() -> None:
    function = lower(routine(x[n, c] * Reduction("sum", x[j, c] * x[n, c], j)))
    assert len(deepest(function.body)) == 3
    assert function.workspace == ()


def test_what_the_loops_store_is_read_where_it_is() -> None:
    step = Tensor("step", (N, C))
    steps = (
        Sweep((n, c), (Assign(step[n, c], x[n, c] + Reduction("sum", step[j, c], j)),)),
        Sweep((n, c), (Assign(grad[n, c], scale[()] * step[n, c]),)),
    )
    function = lower(Routine("gradient", (x, z, weight, scale), (grad,), steps, (weight[()],)))
    assert [room.name for room in function.workspace] == ["step"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 3), (70, 130)])
def test_shares_of_columns(tmp_path: Path, dtype: type, shape: tuple[int, int]) -> None:
    made = module(tmp_path, routine(SHARE + COLUMN))
    rows = np.random.default_rng(3).normal(size=(4, *shape)).astype(dtype)
    found = np.empty_like(rows)
    ones, labels = np.ones(4, dtype), np.zeros((4, shape[0]), np.int64)
    run(made, "gradient", [rows, labels, ones], [found], samples=4, mask=np.ones(4, bool))
    exact = np.exp(np.float64(rows))
    sums = exact.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, exact / sums + np.log(sums), rtol=8 * np.finfo(dtype).eps)
