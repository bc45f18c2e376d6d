"""Many short samples beside each other: the same bits as one after the other, and none of those left out."""

import importlib
import inspect
import math
import re

import mpmath
import numba
import numpy as np
import pytest

import lossgen.losses as L
from lossgen.oracle.samplers import SAMPLERS
from lossgen.runtime import launch
from lossgen.runtime.vectormath import LANES

from .discovery import DEFAULTS, as_list, subject


def _has_lanes(loss, variant):
    stem = f"{loss.name}__{variant.suffix}" if variant.suffix else loss.name
    return hasattr(importlib.import_module(f"generated.numba_cpu.{stem}"), "gradient_lanes")


BESIDE = [param for param in DEFAULTS if _has_lanes(*param.values)]
ONE = min(BESIDE, key=lambda param: len(param.values[0].summary)).id


@pytest.fixture
def kinds(monkeypatch):
    """Note which kernels are looked up."""
    noted = []
    original = launch.Kernels._find
    monkeypatch.setattr(
        launch.Kernels, "_find", lambda self, kind, *way: noted.append(kind) or original(self, kind, *way)
    )
    return noted


@pytest.mark.parametrize(
    ("loss", "variant"),
    [
        pytest.param(*param.values, id=param.id, marks=[] if param.id == ONE else [pytest.mark.full])
        for param in BESIDE
    ],
)
def test_lanes_change_no_bit(loss, variant, kinds):
    count = 2 * LANES + 5
    rng = np.random.default_rng(0)
    where, weight = rng.random(count) < 0.9, rng.random(count).astype(np.float32)
    for sampler in SAMPLERS:
        it = subject(loss, variant, np.float32, count=LANES // 2, size=7, sampler=sampler)
        cases = [it.cases[k % len(it.cases)] for k in range(count)]

        def run(part, it=it, cases=cases):
            options = {"where": where[part], "weight": weight[part], "reduction": "sum"}
            value, gradients = it.function.value_and_grad(**it.of(cases[part]), **options)
            return value, as_list(gradients)

        kinds.clear()
        value, gradients = run(slice(None))
        alone = it.function(**it.of(cases), where=where, weight=weight, reduction="sum")
        assert "gradient_lanes" in kinds
        np.testing.assert_array_equal(value, alone)
        kinds.clear()
        parts = [run(slice(first, first + LANES // 2)) for first in range(0, count, LANES // 2)]
        assert "gradient" in kinds
        assert "gradient_lanes" not in kinds
        for beside, after in zip(gradients, zip(*(found for _, found in parts), strict=True), strict=True):
            np.testing.assert_array_equal(beside, np.concatenate(after))
        if np.isfinite(value):
            values = it.function(**it.of(cases), where=where, weight=weight, reduction="none")
            assert value == np.float32(math.fsum(values))


@pytest.mark.full
@pytest.mark.parametrize(("loss", "variant"), BESIDE)
def test_lanes_are_those_of_vector_registers(loss, variant):
    it = subject(loss, variant, np.float32, count=LANES // 2, size=7)
    given = it.of([it.cases[k % len(it.cases)] for k in range(LANES)])
    it.function.grad(**given)
    kernel = it.function.kernels.serial("gradient_lanes", variant.suffix)
    module = importlib.import_module(kernel.py_func.__module__)
    signature = next(s for s in kernel.signatures if numba.float32[:, ::1] in s)
    fresh = numba.njit(error_model="numpy", nogil=True)(module._gradient_block_lanes.py_func)
    fresh.compile((*signature, numba.int64))
    ((ir, assembly),) = zip(fresh.inspect_llvm().values(), fresh.inspect_asm().values(), strict=True)
    assert not re.search(r"\bv?p?(gather|scatter)[dq]", assembly)
    assert not re.search(r"(call|movabs)\S*\s.*\b(exp|expm1|log|log1p|pow)f?\b", assembly)
    # Every loop over lanes that calls a function.
    text = inspect.getsource(module._gradient_lanes.py_func).split("for lane in range(vm.LANES):")[1:]
    wanted = sum("vm." in loop for loop in text)
    found = [body for body in re.split(r"\n(?=[\w.]+:)", ir) if body.startswith("vector.body")]
    assert sum("x float>" in body for body in found) >= max(1, wanted)


@pytest.mark.parametrize("entries", [63, 64, 200])
@pytest.mark.parametrize("scales", [(1,), (1, 0), (1e150, 1), (1e-150, 1), (1e-150, 1e-155), (1e-320, 0)])
def test_norms_of_rows_stay_in_range(scales, entries):
    rng = np.random.default_rng(4)
    row = rng.standard_normal(entries) * np.resize(scales, entries)
    zero = np.zeros_like(row)
    found = L.triplet_margin(row, zero, row, margin=5e-324, eps=0.0, reduction="sum")
    with mpmath.workdps(700):
        exact = mpmath.sqrt(mpmath.fsum(mpmath.mpf(float(entry)) ** 2 for entry in row)) + 5e-324
        assert abs(found - exact) <= 2 * np.spacing(float(exact))


@pytest.mark.parametrize("entries", [63, 64, 200])
def test_norms_of_rows_without_end(entries):
    row, zero = np.ones((2, entries)), np.zeros((2, entries))
    row[:, 5] = np.inf, np.nan
    found = L.triplet_margin(zero, row, zero, eps=0.0, reduction="none")
    assert found[0] == np.inf
    assert np.isnan(found[1])
