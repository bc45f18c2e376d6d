"""Benchmarks measure what they say: everybody computes the same thing, and the figures add up."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cases import Case, cases
from benchmarks.report import as_json, duration, table
from benchmarks.timing import interleave
from tests.project.pages import ROOT

QUICK = list(cases(quick=True))


def sleeper(seconds: float) -> object:
    return lambda: time.sleep(seconds)


@pytest.fixture(scope="module")
def case() -> Case:
    return Case("some_loss", np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32))


def test_turns_are_fair_and_ratios_right(case: Case) -> None:
    runs = {"lossgen": sleeper(0.002), "other": sleeper(0.006)}
    result = interleave(case, runs, seconds=0.1)
    assert len(result.seconds["lossgen"]) == len(result.seconds["other"]) >= 7
    assert 1.5 < result.median("other") / result.median("lossgen") < 4
    lines = table(result).splitlines()
    assert lines[0] == "some_loss 2×3"
    assert [line.split()[0] for line in lines[2:]] == ["lossgen", "other"]
    (row,) = as_json({}, {}, [result])["results"]
    assert row["contestants"]["lossgen"]["ratio"] == 1
    assert row["shape"] == [2, 3]


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (0.0125, "12.5 ms"), (3.21e-6, "3.21 µs"), (0.9994, "999 ms")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def first_number(result: object) -> float:
    """Contestants return the value, alone or first."""
    return float(result[0] if isinstance(result, tuple) else result)


@pytest.mark.full
@pytest.mark.parametrize(
    ("module", "function", "framework"),
    [("pytorch", "eager", "torch"), ("pytorch", "compiled", "torch"), ("jax_jit", "jitted", "jax")],
)
@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_contestants_agree(case: Case, module: str, function: str, framework: str) -> None:
    pytest.importorskip(framework)
    theirs = pytest.importorskip(f"benchmarks.contestants.{module}")
    ours = pytest.importorskip("benchmarks.contestants.ours")
    expected = first_number(ours.reused(case)())
    assert first_number(getattr(theirs, function)(case)()) == pytest.approx(expected, rel=1e-4)
    assert first_number(ours.fresh(case)()) == expected


@pytest.mark.full
def test_command_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "cpu", "--quick", "--json", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(target.read_text())
    assert len(figures["results"]) == len(QUICK)
    for row in figures["results"]:
        assert {"lossgen", "memory"} <= row["contestants"].keys()
        assert all(entry["least"] > 0 for entry in row["contestants"].values())
    assert "processor" in done.stdout


@pytest.mark.full
def test_accuracy_is_printed_side_by_side() -> None:
    command = [sys.executable, "-m", "benchmarks", "accuracy", "--points", "4", "--only", "cosine-free hinge"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 2
    command[-1] = "log-cosh"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    _, header, *rows, last = done.stdout.splitlines()
    assert header.split()[:2] == ["lossgen", "naive"]
    assert [row[:24].strip() for row in rows] == ["log-cosh", "log-cosh of logarithms"]
    # cosh overflows, and its logarithm loses all digits near 0.
    ours, naive = (float(cell) for cell in rows[0][24:].replace("%", "").split()[:2])
    assert ours == 0
    assert naive > 30
    assert last.split()[2:5] == ["%", "2/2", "0/2"]
