"""Every loss, variant, output and dtype against the exact expression."""

from fnmatch import fnmatchcase

import numpy as np
import pytest

from lossgen.oracle.verify import verify_variant

from .discovery import LOSSES, VARIANTS
from .shortfalls import SHORTFALLS, excuse, unexcused

DTYPES = [np.float32, np.float64]
# Samples per sampler in the full tier; those of a coupled loss cost hundreds of exact evaluations each.
FULL = {"elementwise": 4096, "row": 128}
SEEDS = [1, 2, 3]


def explain(rows):
    lines = [f"{r.loss} {r.variant} {r.output} {r.dtype}: {f}" for r in rows for f in r.failures]
    return f"{sum(row.failed for row in rows)} numbers fail:\n" + "\n".join(lines[:12])


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_against_the_exact_expression(loss, variant, dtype):
    rows = verify_variant(loss, variant, dtypes=[dtype], points=16)
    outputs = {row.output for row in rows}
    assert "value" in outputs
    for tensor in variant.program.predictions:
        assert f"gradient {tensor.name}" in outputs
        assert {f"hessian {tensor.name}", f"hvp {tensor.name}"} & outputs
    assert all(row.points >= 16 for row in rows)
    failing = unexcused(rows)
    assert not failing, explain(failing)


@pytest.mark.full
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_against_the_exact_expression_at_many_points(loss, variant, seed):
    rows = verify_variant(loss, variant, dtypes=DTYPES, points=FULL.get(loss.structure, 48), seed=seed)
    failing = unexcused(rows)
    assert not failing, explain(failing)
    points, uncertified = sum(row.points for row in rows), sum(row.uncertified for row in rows)
    assert uncertified <= points / 100


@pytest.mark.full
@pytest.mark.parametrize("known", SHORTFALLS, ids=lambda known: known.pattern)
def test_shortfalls_are_real(known):
    name, variant = known.pattern.split("/")[:2]
    failed = 0
    for param in VARIANTS:
        loss, one = param.values
        if fnmatchcase(loss.name, name) and fnmatchcase(one.suffix or "default", variant):
            for seed in SEEDS:
                rows = verify_variant(
                    loss, one, dtypes=DTYPES, points=FULL.get(loss.structure, 48), seed=seed
                )
                failed += sum(row.failed for row in rows if excuse(row) == known)
    assert failed, "nothing fails any more: take this row out of the table"


def test_every_structure_is_there():
    expected = {"elementwise", "row", "reduce", "pairwise", "sort", "recurrence", "composite"}
    assert {loss.structure for loss in LOSSES} == expected
