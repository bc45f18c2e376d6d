"""Benchmarks measure what they say: everybody computes the same thing, and the figures add up."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.cases import BINARY, DISTURBED, GRADIENT, HESSIAN, Case, cases
from benchmarks.cliffs import SMALL, cliffs
from benchmarks.conditions import BUSY, QUIET
from benchmarks.contestants import COMPILED, FLOOR, FRAMEWORKS, OURS, available
from benchmarks.marks import MARKS, Results
from benchmarks.mutants.alter import mutations
from benchmarks.mutants.trial import Subject
from benchmarks.plot import picture
from benchmarks.report import as_json, duration, page, table
from benchmarks.timing import Result, Run, interleave
from tests.project.pages import ROOT
from tests.shipped import LOSSES

QUICK = list(cases("quick"))


def sleeper(seconds: float) -> Run:
    return Run(lambda: time.sleep(seconds))


def unable() -> None:
    raise RuntimeError("no such derivative")


def test_turns_are_fair_and_ratios_right() -> None:
    case = Case("some_loss", (2, 2**14))
    runs = {"lossgen": sleeper(0.002), "other": sleeper(0.006), "third": Run(unable)}
    result = interleave(case, runs, seconds=0.1)
    assert len(result.seconds["lossgen"]) >= len(result.seconds["other"]) >= 5
    assert 1.5 < result.median("other") / result.median("lossgen") < 4
    assert result.median("other") <= result.late("other")
    lines = table(result).splitlines()
    assert lines[0] == "some_loss 2×2¹⁴ value_and_grad float32"
    assert [line.split()[0] for line in lines[2:]] == ["lossgen", "other", "third"]
    (row,) = as_json({}, {}, Results([result]))["results"]
    assert row["contestants"]["lossgen"]["ratio"] == 1
    assert row["shape"] == [2, 2**14]
    assert "no such derivative" in row["without"]["third"]


def made_up(ours: float, floor: float, framework: float) -> Results:
    """The figures of a whole run, by element."""
    found = []
    for case in cases("standard"):
        for condition in (QUIET, BUSY) if case.disturbed else (QUIET,):
            size = float(np.prod(case.shape))
            by_name = {OURS: ours, "lossgen, all": ours, FLOOR: floor}
            by_name |= dict.fromkeys(FRAMEWORKS, framework)
            found.append(Result(case, condition.name, {n: [t * size] * 7 for n, t in by_name.items()}, {}))
    return Results(found, {"stride 3": 1.1, "offset 1": 1.0})


@pytest.mark.parametrize(("framework", "met"), [(10.0, True), (0.5, False)])
def test_every_mark_is_measured_and_may_be_missed(framework: float, met: bool) -> None:
    results = made_up(1.0, 0.9 if met else 0.1, framework)
    for mark in MARKS:
        figures = mark.measured(results)
        assert figures, f"a standard run measures nothing for {mark.text!r}"
        if not mark.at_most:
            assert {mark.met(value) for _, value in figures} == {met}
    text = page({"processor": "any"}, {}, results, "")
    assert ("not met" in text) == (not met)
    assert text.count("disturbed") == len(DISTURBED)
    assert all(case.loss in text for case in cases("standard"))
    ElementTree.fromstring(picture(results))


def test_slowness_among_others_and_cliffs_are_noticed() -> None:
    results = made_up(1.0, 1.0, 1.0)
    for result in results.all:
        if result.condition == BUSY.name or result.case.shape == (2**22,):
            result.seconds[OURS][:] = [9 * seconds for seconds in result.seconds[OURS]]
    results.cliffs["offset 1"] = 2.0
    missed = [
        mark.text
        for mark in MARKS
        if mark.at_most and not all(mark.met(v) for _, v in mark.measured(results))
    ]
    assert len(missed) == len([mark for mark in MARKS if mark.at_most]) == 3


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (0.0125, "12.5 ms"), (3.21e-6, "3.21 µs"), (0.9994, "999 ms")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def numbers(result: object) -> list[np.ndarray]:
    """Value and gradients, or gradient and curvature, of whatever library."""
    if isinstance(result, tuple | list):
        return [array for one in result for array in numbers(one)]
    return [np.asarray(result.detach().numpy() if hasattr(result, "detach") else result, np.float64)]


def agree(case: Case, names: Sequence[str]) -> None:
    """Values are the same, and derivatives up to what reductions divide by: some do not reduce."""
    makers, given = available()[0], case.inputs()
    run = makers[OURS](case, given)
    expected = numbers(run.call())
    for name in names:
        run = makers[name](case, given)
        if run is None:
            continue
        with run.around(), np.errstate(all="ignore"):
            found = numbers(run.call())
        assert len(found) == len(expected), name
        for k, (theirs, ours) in enumerate(zip(found, expected, strict=True)):
            # That of CTC is not the derivative elsewhere: it is meant for what comes out of a softmax.
            if case.entry.structure == "recurrence" and k:
                continue
            reduced = ours.ndim == 0
            scale = 1 if reduced else (theirs * ours).sum() / max((ours * ours).sum(), 1e-300)
            # The naive one is not accurate, but computes the same thing.
            np.testing.assert_allclose(theirs, scale * ours, 1e-3, 2e-3 * np.abs(theirs).max(), err_msg=name)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", [*QUICK, Case(BINARY, (1000,), HESSIAN)], ids=lambda case: case.name)
def test_contestants_agree(case: Case) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    # Naive second derivatives lose too many digits to be compared.
    unfit = (COMPILED, FLOOR) if case.output == GRADIENT else (COMPILED, FLOOR, "NumPy")
    agree(case, [name for name in available()[0] if name not in unfit])


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", [QUICK[0], QUICK[-1]], ids=lambda case: case.loss)
def test_compiled_contestants_agree(case: Case) -> None:
    pytest.importorskip("torch")
    agree(case, [COMPILED])


@pytest.mark.full
def test_awkward_calls_are_measured() -> None:
    found = dict(cliffs(SMALL))
    assert all(ratio > 0 for ratio in found.values())
    for awkward in ("± 1", "offset 1", "stride 3", "threads all"):
        assert any(name.endswith(awkward) for name in found)


@pytest.mark.full
def test_command_writes_a_page_a_plot_and_json(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "cpu", "--quick", "--only", "l1 ", "--json", str(target)]
    command += ["--results", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(target.read_text())["results"]
    assert [row["loss"] for row in rows] == [case.loss for case in QUICK if "l1 " in case.name]
    for row in rows:
        assert {OURS, FLOOR} <= row["contestants"].keys()
        assert all(entry["least"] > 0 for entry in row["contestants"].values())
    assert "processor" in done.stdout
    assert "| l1 1000 |" in (tmp_path / "cpu.md").read_text()
    ElementTree.parse(tmp_path / "cpu.svg")


@pytest.mark.full
def test_accuracy_is_printed_side_by_side() -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "accuracy",
        "--points",
        "4",
        "--formula",
        "cosine-free hinge",
    ]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 2
    command[-1] = "log-cosh"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    _, _, header, *rows, last = done.stdout.splitlines()
    assert header.split()[:2] == ["lossgen", "naive"]
    assert [row[:24].strip() for row in rows] == ["log-cosh", "log-cosh of logarithms"]
    # cosh overflows, and its logarithm loses all digits near 0.
    ours, naive = (float(cell) for cell in rows[0][24:].replace("%", "").split()[:2])
    assert ours == 0
    assert naive > 30
    assert last.split()[2:5] == ["%", "2/2", "0/2"]


@pytest.mark.full
def test_losses_stand_beside_their_peers(tmp_path: Path) -> None:
    target = tmp_path / "shares.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "accuracy",
        "--points",
        "4",
        "--json",
        str(target),
        "--loss",
    ]
    assert subprocess.run([*command, "no_such"], cwd=ROOT, capture_output=True, check=False).returncode == 2
    done = subprocess.run(
        [*command, "bce_with_logits"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    shares = json.loads(target.read_text())["losses"]["bce_with_logits"]
    assert max(shares["lossgen"].values()) == 0
    # 1 / (1 + exp(-x)) is 1 for x > 40, and its logarithm 0.
    assert max(shares["naive"].values()) > 0.1


@pytest.mark.full
def test_an_altered_kernel_is_noticed() -> None:
    loss = next(one for one in LOSSES if one.structure == "elementwise")
    subject = Subject(loss, loss.variants[0])
    kernel = next(one for one in subject.kernels if one.kind == "values")
    (places, *_) = mutations(kernel.function)
    assert [subject.tried(kernel, one).caught != "" for one in places] == [True] * len(places)
    assert subject.tried(kernel, None).caught == ""
