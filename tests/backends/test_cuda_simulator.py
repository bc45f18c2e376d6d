"""The CUDA kernels of every loss that has them, run in Numba's simulator, against the exact expression.

The simulator runs their text as Python, with a stand-in for the device's `math`: what is judged is the text,
its indices and its reductions, no GPU and no library of one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lossgen.losses
from lossgen import LossError
from lossgen.backends.numba_cuda import BACKEND
from lossgen.paths import generated_folder
from lossgen.runtime import launch_cuda
from lossgen.runtime.example import example
from lossgen.spec.structure import SMALL
from tests.shipped import LOSSES, VARIANTS

ROOT = Path(__file__).resolve().parents[2]
WITH_KERNELS = [
    pytest.param(loss.name, variant.suffix, id=f"{loss.name}-{variant.suffix or 'default'}")
    for loss, variant in (param.values for param in VARIANTS)
    if loss.structure in SMALL
]
DEFAULTS = [loss.name for loss in LOSSES if loss.structure in SMALL]
ONE_OF_EACH = [next(one.name for one in LOSSES if one.structure == structure) for structure in SMALL]
OTHERS = [loss.name for loss in LOSSES if loss.structure not in SMALL]
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Ask a process whose Numba simulates a device; it is started once."""
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(ROOT)}
    # Each thread of the simulated device has its own settings of NumPy's warnings.
    command = [sys.executable, "-W", "ignore::RuntimeWarning", "-m", "tests.backends.cuda_simulator"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def answer(question: str, *arguments: Any) -> Any:
            process.stdin.write(json.dumps([question, *arguments]) + "\n")
            process.stdin.flush()
            said = json.loads(process.stdout.readline() or '{"error": "the simulator died"}')
            assert "error" not in said, said["error"]
            return said["answer"]

        yield answer
        process.stdin.close()


def judged(ask: Ask, loss: str, suffix: str, dtype: str, points: int) -> None:
    rows = ask("verify", loss, suffix, dtype, points)
    assert "value" in {row["output"] for row in rows}
    assert any(row["output"].startswith("gradient") for row in rows)
    assert all(row["points"] >= points for row in rows)
    failing = [f"{row['output']}: {failure}" for row in rows for failure in row["failures"]]
    assert not failing, "\n".join(failing)


@pytest.mark.parametrize("loss", DEFAULTS)
def test_a_few_points_against_the_exact_expression(ask: Ask, loss: str) -> None:
    judged(ask, loss, "", "float32", 1)


@pytest.mark.full
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("loss", "suffix"), WITH_KERNELS)
def test_against_the_exact_expression(ask: Ask, loss: str, suffix: str, dtype: str) -> None:
    judged(ask, loss, suffix, dtype, 16)


@pytest.mark.parametrize("loss", ONE_OF_EACH)
def test_results_have_the_same_bits_for_any_launch(ask: Ask, loss: str) -> None:
    same_bits(ask, loss, "")


@pytest.mark.full
@pytest.mark.parametrize(("loss", "suffix"), WITH_KERNELS)
def test_all_results_have_the_same_bits_for_any_launch(ask: Ask, loss: str, suffix: str) -> None:
    same_bits(ask, loss, suffix)


def same_bits(ask: Ask, loss: str, suffix: str) -> None:
    first, *others = ask("launches", loss, suffix)
    assert others
    assert all(other == first for other in others)


@pytest.mark.parametrize("loss", ONE_OF_EACH)
def test_masked_samples_are_not_read(ask: Ask, loss: str) -> None:
    found = ask("masked", loss)
    assert all(found.values()), found


def test_an_index_out_of_range_is_found_in_any_block(ask: Ask) -> None:
    for loss in ask("indexed"):
        assert "out of range" in ask("out_of_range", loss)


@pytest.mark.parametrize("loss", OTHERS)
def test_losses_without_kernels_say_so(ask: Ask, loss: str) -> None:
    assert (
        ask("refused", loss) == f"{loss} has no CUDA kernels: there are such for elementwise and row losses"
    )


def test_formulas_compiled_on_demand_say_so(ask: Ask) -> None:
    assert "has no CUDA kernels" in ask("compiled")


def test_a_machine_without_a_device_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_cuda.cuda, "is_available", lambda: False)
    first, *_ = (loss for name, loss in lossgen.losses.all().items() if name in DEFAULTS)
    x, y, *_ = example(first.entry).values()
    with pytest.raises(LossError, match=f"{first.name} finds no CUDA device"):
        launch_cuda.on_cuda(first)(x, y)


def test_there_are_kernels_of_all_elementwise_and_row_losses() -> None:
    found = {path.stem for path in (generated_folder() / BACKEND.name).glob("*.py")} - {"__init__"}
    variants = (param.values for param in WITH_KERNELS)
    assert found == {f"{loss}__{suffix}" if suffix else loss for loss, suffix in variants}
