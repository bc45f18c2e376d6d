"""Every loss, variant, output and dtype against the exact expression."""

import numpy as np
import pytest

from lossgen.oracle.verify import verify_variant

from .discovery import LOSSES, TYPED, VARIANTS

DTYPES = [np.float32, np.float64]
# Samples for each of four samplers in the full tier; a sample of a coupled loss costs hundreds of exact
# evaluations.
FULL = {"elementwise": 1024, "row": 64}
FEW = 24
# The default tier judges other choices than the default too, in one dtype and where that takes no long time.
JUDGED = [
    pytest.param(
        *p.values,
        id=p.id,
        marks=[] if p.values[0].structure in FULL and p.values[2] is np.float64 else p.marks,
    )
    for p in TYPED
]
SEEDS = [1, 2, 3]
# At thousands of points some extreme one may fail in any output until forms are chosen by measured error.
RARE = 0.002


def explain(rows):
    lines = [f"{r.loss} {r.variant} {r.output} {r.dtype}: {f}" for r in rows for f in r.failures]
    return f"{sum(row.failed for row in rows)} numbers fail:\n" + "\n".join(lines[:12])


@pytest.mark.parametrize(("loss", "variant", "dtype"), JUDGED)
def test_against_the_exact_expression(loss, variant, dtype):
    rows = verify_variant(loss, variant, dtypes=[dtype], points=16)
    outputs = {row.output for row in rows}
    assert "value" in outputs
    for tensor in variant.program.predictions:
        assert f"gradient {tensor.name}" in outputs
        assert {f"hessian {tensor.name}", f"hvp {tensor.name}"} & outputs
    assert all(row.points >= 16 for row in rows)
    failing = [row for row in rows if row.failed]
    assert not failing, explain(failing)


@pytest.mark.full
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_against_the_exact_expression_at_many_points(loss, variant, seed):
    rows = at_many_points(loss, variant, seed)
    failing = [row for row in rows if row.failed > max(1, int(RARE * row.points))]
    assert not failing, explain(failing)
    assert sum(row.uncertified for row in rows) <= sum(row.points for row in rows) / 100


def at_many_points(loss, variant, seed):
    return verify_variant(loss, variant, dtypes=DTYPES, points=FULL.get(loss.structure, FEW), seed=seed)


def test_every_structure_is_there():
    expected = {"elementwise", "row", "reduce", "pairwise", "sort", "recurrence", "composite"}
    assert {loss.structure for loss in LOSSES} == expected
