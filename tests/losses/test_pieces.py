"""Blocks of one sample: the same bits whoever runs them, and the same results as in one piece."""

import importlib
from functools import cache
from pathlib import Path

import numba
import numpy as np
import pytest

import lossgen
from lossgen.backends.numba_cpu import slices
from lossgen.oracle.evaluate import Case
from lossgen.oracle.verify import verify
from lossgen.pipeline import build
from lossgen.runtime import launch
from lossgen.spec.registry import load
from tests.importing import importable

from .discovery import VARIANTS, as_list, subject

UNSEEN = Path(__file__).parent / "unseen"
# Declarations of the structures whose samples may span the array.
SPANNING = ("contrast", "pairwise", "ratio")
AVAILABLE = int(vars(numba.config)["NUMBA_NUM_THREADS"])
COUNTS = [count for count in (2, 3, 4) if count <= AVAILABLE]


def entry(loss, variant):
    entries = lossgen.losses.all()[loss.name].entry.variants
    return next(one for one in entries if one.suffix == variant.suffix)


DIVISIBLE = [param for param in VARIANTS if entry(*param.values).within]
ONE_OF_EACH = list({param.values[0].structure: param for param in reversed(DIVISIBLE)}.values())


@pytest.fixture
def ways(monkeypatch):
    """Note how each parallel call shares the work."""
    noted = []
    original = launch.Kernels._run_threads

    def run(self, kind, suffix, arguments, count, way):
        noted.append((count, way))
        original(self, kind, suffix, arguments, count, way)

    monkeypatch.setattr(launch.Kernels, "_run_threads", run)
    return noted


def same_bits(call, ways):
    with lossgen.threads("serial"):
        serial = call()
    for count in COUNTS:
        with lossgen.threads(count):
            shared = call()
        for one, other in zip(serial, shared, strict=True):
            np.testing.assert_array_equal(one, other)
    assert set(ways) == {(count, "within") for count in COUNTS}


def _large(loss, variant, ways):
    """One sample of more than 2**15 numbers, made of a small one's."""
    it = subject(loss, variant, np.float32, count=1, size=3)
    (case,) = it.cases
    rank = max(array.ndim for array in case.inputs.values())
    repeats = round((1.2 * 2**15) ** (1 / rank)) // 3 + 1
    wide = {
        name: np.resize(array, [size * repeats for size in array.shape])
        for name, array in case.inputs.items()
    }
    given = it.of([Case(wide)])

    def call():
        value, gradient = it.function.value_and_grad(**given, reduction="sum")
        return [np.asarray(value), *as_list(gradient)]

    same_bits(call, ways)


@pytest.mark.parametrize(("loss", "variant"), ONE_OF_EACH)
def test_threads_within_a_sample_change_no_bit(loss, variant, ways):
    _large(loss, variant, ways)


@pytest.mark.full
@pytest.mark.parametrize(("loss", "variant"), DIVISIBLE)
def test_threads_within_a_sample_change_no_bit_of_any_loss(loss, variant, ways):
    _large(loss, variant, ways)


@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_every_loss_says_how_it_can_be_chunked(loss, variant):
    """What couples through reductions alone can be cut; the others name what hinders them."""
    said = entry(loss, variant)
    if loss.structure in ("sort", "recurrence"):
        assert said.chunks.startswith("whole samples only: `")
        assert not said.within
    elif loss.structure in ("elementwise", "row"):
        assert said.chunks == "samples"
    else:
        assert said.chunks == "samples, and blocks of one sample"
        assert said.within == said.kinds - {"prepass"}


@pytest.fixture(scope="module")
def in_threes(tmp_path_factory):
    """Builds unseen losses whose blocks have three positions, so that small samples have several."""
    folder = tmp_path_factory.mktemp("threes")

    @cache
    def package(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(slices, "BLOCK", 3)
            build(UNSEEN / f"{name}.py", folder / f"in_threes_{name}", jobs=1)
        return importlib.import_module(f"in_threes_{name}")

    with importable(folder, "in_threes_"):
        yield package


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n == "pairwise" else [pytest.mark.full]) for n in SPANNING]
)
def test_blocks_are_joined_exactly(name, in_threes):
    """Judged by the exact expression: what blocks accumulate is what the whole sample does."""
    file = UNSEEN / f"{name}.py"
    rows = verify(load(file), in_threes(name), points=12)
    failures = [f"{r.loss} {r.output} {r.dtype}: {r.worst_point}" for r in rows if r.failed]
    assert not failures, "\n".join(failures)


@pytest.mark.full
def test_an_unseen_loss_has_the_same_bits_in_threads(in_threes, monkeypatch, ways):
    monkeypatch.setattr(launch, "PARALLEL_FROM", 1)
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(1, 1, 2, 501)).astype(np.float32), rng.random((1, 1, 2, 501)).astype(np.float32)
    (overlap,) = in_threes("ratio").all().values()
    (contrast,) = in_threes("contrast").all().values()

    def call():
        made = [*overlap.value_and_grad(x, y), *contrast.value_and_grad(x, y, temperature=0.5)]
        return [np.asarray(array) for array in made]

    same_bits(call, ways)


def test_all_pairs_of_a_small_array_are_worth_threads(ways):
    """Work counts, not entries: the kernel goes over more steps than it has numbers."""
    counted = [param.values for param in DIVISIBLE if len(entry(*param.values).work) > 1]
    assert counted
    loss, variant = next(values for values in counted if len(entry(*values).work) > 2)
    it = subject(loss, variant, np.float32, count=1, size=33)
    assert sum(array.size for array in it.cases[0].inputs.values()) < launch.PARALLEL_FROM

    def call():
        value, gradient = it.function.value_and_grad(**it.given, reduction="sum")
        return [np.asarray(value), *as_list(gradient)]

    same_bits(call, ways)
