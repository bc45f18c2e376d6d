"""Nothing of it, or one: lengths of zero, axes of one entry; and no kernel ever reads outside an array."""

import itertools
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lossgen.oracle.evaluate import Request

from .discovery import VARIANTS, as_list, subject

ROOT = Path(__file__).resolve().parents[2]

LENGTHS = [p for p in VARIANTS if p.values[1].program.extents]


def test_some_loss_takes_lengths():
    assert LENGTHS


@pytest.mark.parametrize(("loss", "variant"), LENGTHS)
def test_lengths_of_zero(loss, variant):
    it = subject(loss, variant, count=3)
    lengths = [element.tensor.name for _, element in variant.program.extents]
    for case in it.cases:
        for zeros in itertools.product((False, True), repeat=len(lengths)):
            short = case
            for name, zero in zip(lengths, zeros, strict=True):
                short = short.moved((name, ()), 0) if zero else short
            # Between two others: what a sample leaves behind must not reach the next one.
            given = it.of([case, short, case])
            value = it.function(**given, reduction="none")[1]
            truth = float(it.oracle.truth(short, Request("value")))
            assert value == pytest.approx(truth, rel=1e-12), (lengths, zeros)
            for gradient in as_list(it.function.grad(**given, reduction="sum")):
                if math.isfinite(truth):
                    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(("loss", "variant"), VARIANTS)
def test_axes_of_one_entry(loss, variant):
    it = subject(loss, variant, count=2, size=1)
    value, gradients = it.function.value_and_grad(**it.given, reduction="sum")
    exact = sum(float(it.oracle.truth(case, Request("value"))) for case in it.cases)
    assert float(value) == pytest.approx(exact, rel=1e-10, abs=1e-12)
    assert all(np.isfinite(gradient).all() for gradient in as_list(gradients))


@pytest.mark.full
def test_no_kernel_reads_outside_an_array(tmp_path):
    """Every derivative of every loss once, with Numba's bounds checks compiled in."""
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.losses.inside"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split()[-1]) >= len(VARIANTS)
