"""Accuracy records: measured once, used while they fit, missed by `--check` when they do not."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lossgen.emit.fingerprint import fingerprint
from lossgen.emit.records import OWN, Plan, fits, wanted
from lossgen.oracle.judge import JUDGE
from lossgen.oracle.machine import machine
from lossgen.oracle.rows import VerifyRow
from lossgen.paths import generated_folder, specs_folder
from lossgen.pipeline import build, records
from lossgen.pipeline.measure import Measurement, measure_all
from lossgen.pipeline.verify import Checked
from lossgen.runtime.accuracy import accuracy_line, read_record
from lossgen.runtime.package import LossPackage
from tests.cli.trial import declare, made
from tests.shipped import LOSSES

PLAN = Plan(8, 4, (1,))
SHIPPED = LossPackage("lossgen.losses", generated_folder())
VARIANTS = [one for name, raw in SHIPPED.manifest["losses"].items() for one in wanted(name, raw)]
Measured = Callable[..., list[str]]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Builds, and returns what was measured, by a stand-in that compiles nothing."""
    asked: list[str] = []

    def stand_in(tasks: Sequence[Measurement], *_: Any) -> list[VerifyRow]:
        asked.extend(f"{task.loss} {task.dtype}" for task in tasks)
        return [
            VerifyRow(
                task.loss,
                task.suffix,
                output,
                task.dtype,
                48,
                9.5,
                24.0,
                1,
                0,
                3,
                1,
                samplers={"full": [8, 1]},
            )
            for task in tasks
            for output in ("value", "gradient x", "hessian x")
        ]

    monkeypatch.setattr(records, "measure_all", stand_in)

    def run(specs: Path, out: Path, plan: Plan | None = PLAN, **options: Any) -> list[str]:
        asked.clear()
        made(specs, out, plan=plan, **options)
        return sorted({one.split()[0] for one in asked})

    return run


def test_a_record_that_fits_is_not_measured(tmp_path: Path, measured: Measured) -> None:
    specs, out = declare(tmp_path / "specs"), tmp_path / "out"
    assert measured(specs, out) == ["one", "three", "two"]
    assert measured(specs, out) == []
    assert measured(specs, out, force=True) == []

    # Words are not what was measured; a formula is.
    file = specs / "first.py"
    file.write_text(file.read_text().replace("A power.", "A power of the distance."))
    assert measured(specs, out) == []
    assert "of the distance" in (out / "numba_cpu" / "one.py").read_text()
    file.write_text(file.read_text().replace("(x - y)**4", "(x - y)**8"))
    assert measured(specs, out) == ["two"]

    # So is a record from fewer points than are asked for, or by other rules.
    assert measured(specs, out, plan=Plan(6, 4, (1,))) == []
    assert measured(specs, out, plan=Plan(3, 2, (1, 2, 3))) == ["one", "three", "two"]
    path = out / "records" / "one.json"
    path.write_text(path.read_text().replace(f'"judge": {JUDGE}', '"judge": 0'))
    assert measured(specs, out, plan=None) == []
    assert not path.exists()
    assert measured(specs, out) == ["one"]


@pytest.mark.parametrize("damage", ["delete", "other kernel", "no json"])
def test_check_misses_what_is_not_measured(tmp_path: Path, measured: Measured, damage: str) -> None:
    specs, out = declare(tmp_path / "specs"), tmp_path / "out"
    measured(specs, out)
    report = build(specs, out, check=True, jobs=1, plan=PLAN)
    assert (report.stale, report.orphans) == ([], [])
    path = out / "records" / "two.json"
    text = path.read_text()
    path.unlink()
    if damage != "delete":
        broken = text.replace("sha256:", "sha256:0") if damage == "other kernel" else text[:-20]
        path.write_text(broken)
    report = build(specs, out, check=True, jobs=1, plan=PLAN)
    assert path in report.stale
    assert report.orphans == []
    assert {row.name: row.status for row in report.rows}["two"] == "not current"
    assert measured(specs, out) == ["two"]
    assert path.read_text() == text


def test_records_go_with_their_losses(tmp_path: Path, measured: Measured) -> None:
    specs, out = declare(tmp_path / "specs"), tmp_path / "out"
    measured(specs, out)
    (specs / "second.py").unlink()
    assert measured(specs, out) == []
    assert sorted(path.name for path in (out / "records").iterdir()) == ["one.json", "two.json"]


def test_a_record_is_read_as_a_certificate(tmp_path: Path, measured: Measured) -> None:
    specs, out = declare(tmp_path / "specs"), tmp_path / "out"
    measured(specs, out)
    loss = LossPackage("trial", out).get("one")
    outputs = loss.accuracy
    assert outputs.keys() == {"value", "gradient x", "hessian x"}
    assert outputs["value"]["float64"] == {
        "points": 48,
        "max_ulp": 9.5,
        "mean_ulp": 0.5,
        "over_4": 0.0625,
        "over_8": pytest.approx(1 / 48),
        "over_16": 0.0,
        "over_64": 0.0,
        "uncertified": 0.0,
        "worst_point": "",
        "failed_of": {"full": 0.125},
        "failed": pytest.approx(1 / 48),
    }
    assert loss.certificate()["seeds"] == [1]
    assert loss.certificate()["machine"] == machine()
    line = accuracy_line(outputs)
    assert line == (
        "Accuracy (float64, 48 points or more): within 4 ulp value at 93.7 %, gradient x at 93.7 %; "
        "2 fail the pass rule."
    )
    assert " ".join((out / "__init__.pyi").read_text().split()).count(line) == 3
    # A record of another kernel is no certificate.
    path = out / "records" / "one.json"
    path.write_text(path.read_text().replace("sha256:", "sha256:0"))
    assert loss.accuracy is None


def test_a_fingerprint_is_of_code_not_of_words() -> None:
    (loss, *_) = LOSSES
    text = '"""Words."""\n\nx = 1  # why\n\n\ndef f(a):\n    """More."""\n    return a + x\n'
    first = fingerprint(loss, loss.variants[0], text)
    for words in (("Words", "Others"), ("  # why", ""), ("More", "Less"), ("\n\n\n", "\n\n")):
        assert fingerprint(loss, loss.variants[0], text.replace(*words)) == first
    for code in (("x = 1", "x = 2"), ("a + x", "a - x"), ("    return a", "pass\nb"), ("x = 1", "x = '1'")):
        assert fingerprint(loss, loss.variants[0], text.replace(*code)) != first


@pytest.mark.parametrize(
    ("failed", "recorded", "wrong"),
    [(0, None, False), (1, None, True), (8, 0.008, False), (9, 0.008, True), (20, 0.02, True)],
)
def test_failures_are_wrong_unless_a_record_owns_up_to_a_few(
    failed: int, recorded: float | None, wrong: bool
) -> None:
    row = VerifyRow("a", "", "value", "float64", points=1000, failed=failed)
    assert Checked(row, None if recorded is None else {"failed": recorded}).wrong is wrong


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: one.stem)
def test_every_shipped_kernel_has_its_record(variant: Any) -> None:
    record = read_record(generated_folder() / variant.file)
    assert fits(record, variant, JUDGE, OWN)
    outputs = json.loads((generated_folder() / variant.file).read_text())["outputs"]
    assert "value" in outputs
    assert any(output.startswith("gradient ") for output in outputs)
    for dtypes in outputs.values():
        assert dtypes.keys() == {"float32", "float64"}
        assert all(one["points"] >= 500 for one in dtypes.values())


def test_a_record_says_what_is_measured() -> None:
    """Measured again at the same points: the same numbers on a machine like that of the record."""
    variant = min(
        (one for one in VARIANTS if one.structure == "elementwise"),
        key=lambda one: (generated_folder() / f"numba_cpu/{one.stem}.py").stat().st_size,
    )
    record = read_record(generated_folder() / variant.file)
    assert record is not None
    task = Measurement(
        specs_folder(),
        SHIPPED.name,
        SHIPPED.folder,
        variant.loss,
        variant.suffix,
        "float64",
        record["points"],
        tuple(record["seeds"]),
    )
    found = [Checked(row, record["outputs"][row.output]["float64"]) for row in measure_all([task], jobs=1)]
    assert {one.row.output for one in found} == set(record["outputs"])
    assert not [one for one in found if one.wrong]
    if record["machine"] == machine():
        assert {one.compared for one in found} == {"as recorded"}
