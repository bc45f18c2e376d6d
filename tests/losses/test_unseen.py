"""Declarations that the repository does not ship are built and judged like its own."""

import importlib

import numpy as np
import pytest

from lossgen.oracle.verify import verify
from lossgen.spec.registry import load

from .discovery import UNSEEN as SPECS

# Files whose names begin with an underscore hold parts of others.
FILES = sorted(file for file in SPECS.glob("*.py") if not file.name.startswith("_"))


# Their kernels compile for minutes; the default tier tries sums of losses in test_compositions.py.
LARGE = ("chain", "composed")
TRIED = [
    pytest.param(
        file,
        dtype,
        id=f"{file.stem}-{dtype.__name__}",
        marks=[pytest.mark.full] if dtype is np.float32 or file.stem in LARGE else [],
    )
    for file in FILES
    for dtype in (np.float32, np.float64)
]


@pytest.mark.parametrize(("file", "dtype"), TRIED)
def test_an_unseen_declaration(file, dtype, package):
    rows = verify(load(file), package, dtypes=[dtype], points=12)
    assert len(rows) >= 3
    failures = [f"{r.loss} {r.output} {r.dtype}: {r.worst_point}" for r in rows if r.failed]
    assert not failures, "\n".join(failures)


def test_the_unseen_are_not_shipped(package):
    shipped = importlib.import_module("lossgen.losses").all()
    assert not set(package.all()) & set(shipped)
    structures = {loss.structure for loss in load(SPECS)}
    assert structures >= {"elementwise", "row", "reduce", "pairwise", "sort", "recurrence"}


def test_verify_notices_a_wrong_kernel(package):
    class Slanted:
        """The built package with values that are a little wrong."""

        @staticmethod
        def all():
            return {name: Wrong(loss) for name, loss in package.all().items()}

    class Wrong:
        def __init__(self, loss):
            self.loss, self.entry = loss, loss.entry
            self.grad, self.grad_and_hess, self.hvp = loss.grad, loss.grad_and_hess, loss.hvp

        def __call__(self, *args, **kwargs):
            return np.asarray(self.loss(*args, **kwargs)) * (1 + 1e-6)

    options = {"dtypes": [np.float64], "points": 8, "samplers": ("practical",)}
    rows = verify(load(FILES[0]), Slanted, **options)
    assert all(row.failed > 0 for row in rows if row.output == "value")
    untouched = verify(load(FILES[0]), package, **options)
    assert not any(row.failed for row in untouched if row.output == "value")
    others = [[(row.output, row.failed) for row in run if row.output != "value"] for run in (rows, untouched)]
    assert others[0] == others[1]
