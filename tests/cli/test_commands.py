"""The command line: what it prints, where, and with which exit code."""

import io
import json
import os
import pty
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import lossgen
from lossgen import cli, console
from lossgen.backends.names import backend_names
from lossgen.cli import build, deferred
from lossgen.cli import verify as cli_verify
from lossgen.cli.codes import Code, MissingError, UsageError
from lossgen.emit.records import FOREIGN
from lossgen.emit.report import BuildReport, BuildRow, LeftOut
from lossgen.errors import LossError, SpecError
from lossgen.oracle.rows import VerifyRow
from lossgen.pipeline.verify import Checked

ROOT = Path(__file__).resolve().parents[2]


class Pipeline:
    """Stands in for the build side: records what it was asked and answers with a report."""

    def __init__(self, **changes: Any) -> None:
        self.calls: list[tuple[Any, ...]] = []
        row = BuildRow("first", "row", 2, 14, 321, "built")
        self.report = replace(BuildReport([row], [], [], [], Path.cwd(), 1.5), **changes)

    def build(
        self,
        specs: Any,
        out: Any,
        targets: Any,
        check: Any,
        jobs: Any,
        progress: Any,
        force: Any,
        plan: Any,
    ) -> BuildReport:
        self.calls.append((specs, out, targets, check, jobs, force, plan))
        progress("first", 1, 1)
        return self.report


def use(monkeypatch: pytest.MonkeyPatch, stand_in: Any) -> None:
    monkeypatch.setattr(deferred, "build_side", lambda module: stand_in)


def test_build_passes_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Pipeline()
    use(monkeypatch, pipeline)
    monkeypatch.setattr(build, "backend_names", lambda: ("a", "b", "c"))
    assert cli.main(["build", "--force", "--no-measure"]) == 0
    assert cli.main(["build", "mine", "--out", "there", "--target", "a, b", "--check", "--jobs", "3"]) == 0
    assert cli.main(["build", "mine", "--out", "there", "--force", "--points", "5"]) == 0
    assert pipeline.calls == [
        (None, None, None, False, None, True, None),
        (Path("mine"), Path("there"), ("a", "b"), True, 3, False, FOREIGN),
        (Path("mine"), Path("there"), None, False, None, True, FOREIGN.with_points(5)),
    ]


def test_an_unknown_backend_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["build", "--target", "abacus"]) == Code.USAGE
    assert f"choose among {', '.join(backend_names())}" in capsys.readouterr().err


def test_build_prints_a_plain_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, Pipeline(written=[Path("a")]))
    assert cli.main(["build", "--force"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["loss", "structure", "variants", "kernels", "lines", "status"]
    assert lines[1].split() == ["first", "row", "2", "14", "321", "built"]
    assert lines[2] == "1 loss in .: 1 file written (1.5 s)"


def test_build_says_what_a_target_leaves_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left = [LeftOut("abacus", "b", "too deep"), LeftOut("abacus", "a", "odd"), LeftOut("slate", "a", "dusty")]
    use(monkeypatch, Pipeline(left_out=left))
    assert cli.main(["build", "--force"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[2:-1]] == [
        "abacus leaves out 2 variants",
        "slate leaves out 1 variant",
    ]
    assert cli.main(["build", "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == [asdict(one) for one in left]


@pytest.mark.parametrize("fault", ["stale", "orphans"])
def test_check_fails_and_names_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    use(monkeypatch, Pipeline(**{fault: [Path("generated/odd.py")]}))
    assert cli.main(["build", "--check"]) == 1
    captured = capsys.readouterr()
    assert "generated/odd.py" in captured.err
    assert "run `lossgen build`" in captured.out


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (LossError("x must be positive"), Code.WRONG, "x must be positive"),
        (
            SpecError("unknown", file="a.py", line=3, fix="say Pred"),
            Code.WRONG,
            "a.py:3: unknown\n  fix: say Pred",
        ),
        (UsageError("no backend 'c'"), Code.USAGE, "no backend 'c'"),
        (MissingError("no sympy"), Code.MISSING, "no sympy"),
        (PermissionError(13, "Permission denied", "out"), Code.WRONG, "out: Permission denied"),
        (
            NotImplementedError("a sort in a sort"),
            Code.LIMIT,
            "the generator cannot do this: a sort in a sort",
        ),
        (
            KeyError("k"),
            Code.LIMIT,
            "internal error, KeyError: 'k' (LOSSGEN_DEBUG=1 shows where)",
        ),
        (KeyboardInterrupt(), Code.INTERRUPTED, "interrupted; nothing was changed"),
    ],
)
def test_errors_are_short(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: Code,
    said: str,
) -> None:
    def fail(*arguments: Any) -> None:
        raise error

    use(monkeypatch, SimpleNamespace(build=fail))
    assert cli.main(["build", "--force"]) == code
    assert capsys.readouterr().err == f"lossgen: {said}\n"
    monkeypatch.setenv("LOSSGEN_DEBUG", "1")
    with pytest.raises(type(error)):
        cli.main(["build", "--force"])


@pytest.mark.parametrize(
    "arguments", [[], ["paint"], ["build", "--jobs", "0"], ["build", "--target", ","], ["list", "--extra"]]
)
def test_wrong_usage_exits_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: lossgen")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"lossgen {lossgen.__version__}\n"


def test_missing_build_extra_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str) -> None:
        raise ModuleNotFoundError("No module named 'sympy'", name="sympy")

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(LossError, match=r"pip install 'lossgen\[build\]'"):
        deferred.build_side("lossgen.pipeline")


def test_own_missing_module_is_a_bug_not_advice() -> None:
    with pytest.raises(ModuleNotFoundError):
        deferred.build_side("lossgen.no_such_module")


def test_verify_exit_code_follows_the_points(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def verify(names: tuple[str, ...], *_: Any, **options: Any) -> list[Checked]:
        asked.append((*names, options["points"]))
        row = VerifyRow("first", "", "value", "float32", 4096, 1.234, failed=len(names))
        row.worst_point = "x=0.25"
        recorded = {"failed": 0.0, "over_16": 0.0, "over_4": 0.0, "mean_ulp": 0.0, "max_ulp": 1.234}
        return [Checked(row, recorded)]

    use(monkeypatch, SimpleNamespace(verify=verify))
    monkeypatch.setattr(cli_verify, "known", lambda names, package: names)
    assert cli.main(["verify"]) == 0
    assert cli.main(["verify", "first", "--points", "5"]) == 1
    assert asked == [(None,), ("first", 5)]
    captured = capsys.readouterr()
    assert "1.23" in captured.out
    assert "as recorded" in captured.out
    assert "1 compared with their records, 0 better, 1 worse" in captured.out
    assert captured.err == "lossgen: first value float32: x=0.25\n"


def test_list_shows_the_manifest() -> None:
    losses = json.loads((ROOT / "generated" / "manifest.json").read_text())["losses"]
    code = "import sys; from lossgen.cli import main; main(['list']); print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    *table, loaded = done.stdout.splitlines()
    assert loaded == "False"
    assert [line.split()[0] for line in table[1:]] == sorted(losses)
    for line in table[1:]:
        loss = losses[line.split()[0]]
        assert line.endswith(loss["summary"])
        assert loss["structure"] in line.split()
        assert loss["family"] in line


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m lossgen.cli list | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1)
    assert done.stderr == ""


def test_plain_table_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "rich", lambda module: None)
    out = io.StringIO()
    console.Console(out=out, err=out).table(("name", "n"), [("a", 5), ("long", 12)])
    assert out.getvalue() == "name   n\na      5\nlong  12\n"


def test_terminal_gets_colour_and_progress(tmp_path: Path) -> None:
    """On a terminal the table is drawn by rich and the progress line appears and goes away again."""
    code = (
        "from lossgen.console import Console, Progress\n"
        "console = Console()\n"
        "with Progress(console) as progress:\n"
        "    progress('first', 1, 2)\n"
        "console.table(('name', 'status'), [('first', 'failed')])\n"
    )
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"}
    for name in ("NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=follower, stderr=follower, check=True
    )
    os.close(follower)
    text = os.read(leader, 65536).decode()
    os.close(leader)
    assert "1/2" in text
    assert "first" in text
    assert "\x1b[2K" in text
    assert "\x1b[31m" in text
