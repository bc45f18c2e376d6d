"""Every loss, variant, output and dtype against the exact expression."""

from fnmatch import fnmatchcase

import numpy as np
import pytest

from lossgen.oracle.verify import verify_variant

from .discovery import LOSSES, VARIANTS
from .shortfalls import RARE, SHORTFALLS, excuse, unexcused

DTYPES = [np.float32, np.float64]
# Samples for each of four samplers in the full tier; a sample of a coupled loss costs hundreds of exact
# evaluations.
FULL = {"elementwise": 1024, "row": 64}
FEW = 24
SEEDS = [1, 2, 3]
NAMES = {loss.name for loss in LOSSES}


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
    rows = at_many_points(loss, variant, seed)
    failing = unexcused(rows, rare=RARE)
    assert not failing, explain(failing)
    certified = [row for row in rows if excuse(row) is None]
    assert sum(row.uncertified for row in certified) <= sum(row.points for row in certified) / 100


@pytest.mark.full
@pytest.mark.parametrize("known", [k for k in SHORTFALLS if k.pattern.split("/")[0] in NAMES], ids=str)
def test_shortfalls_are_real(known):
    name, variant = known.pattern.split("/")[:2]
    covered = [
        (loss, one)
        for loss, one in (param.values for param in VARIANTS)
        if loss.name == name and fnmatchcase(one.suffix or "default", variant)
    ]
    assert any(
        row.failed and excuse(row) == known
        for loss, one in covered
        for seed in SEEDS
        for row in at_many_points(loss, one, seed)
    ), "nothing fails any more: take this row out of the table"


def at_many_points(loss, variant, seed):
    return verify_variant(loss, variant, dtypes=DTYPES, points=FULL.get(loss.structure, FEW), seed=seed)


def test_every_structure_is_there():
    expected = {"elementwise", "row", "reduce", "pairwise", "sort", "recurrence", "composite"}
    assert {loss.structure for loss in LOSSES} == expected
