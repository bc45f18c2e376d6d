"""`lossgen build`: makes what changed and nothing else, and never leaves a mixture."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lossgen.backends.names import PACKAGE
from lossgen.errors import LossError, SpecError
from lossgen.pipeline import build, make
from tests.cli.trial import declare, made, texts

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "lossgen.cli", *map(str, arguments), "--no-measure"]


def lossgen(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False)


def test_nothing_is_made_twice(tmp_path: Path) -> None:
    specs, out = declare(tmp_path / "specs"), tmp_path / "out"
    assert made(specs, out) == ["one", "three", "two"]
    first = texts(out)
    assert made(specs, out) == []
    assert made(specs, out, force=True) == ["one", "three", "two"]
    assert texts(out) == first


@pytest.mark.parametrize(
    ("file", "old", "new", "again"),
    [
        ("first.py", "(x - y)**4", "(x - y)**8", ["one", "two"]),
        ("second.py", "1 *", "3 *", ["three"]),
        ("_powers.py", "\n", "\nPOWER += 2\n", ["three"]),
        ("deeper/__init__.py", "6", "8", ["three"]),
    ],
)
def test_only_what_changed_is_made(tmp_path: Path, file: str, old: str, new: str, again: list[str]) -> None:
    specs, out, fresh = declare(tmp_path / "specs"), tmp_path / "out", tmp_path / "fresh"
    made(specs, out)
    source = specs / file
    source.write_text(source.read_text().replace(old, new))
    assert made(specs, out) == again
    made(specs, fresh)
    assert texts(out) == texts(fresh)


@pytest.mark.parametrize(
    ("file", "again"), [("numba_cpu/one.py", ["one"]), ("manifest.json", ["one", "three", "two"])]
)
def test_output_that_was_touched_is_made_again(tmp_path: Path, file: str, again: list[str]) -> None:
    specs, out = declare(tmp_path / "specs"), tmp_path / "out"
    made(specs, out)
    first = texts(out)
    (out / file).write_text(first[file] + " ")
    assert made(specs, out) == again
    assert texts(out) == first
    (out / file).unlink()
    assert made(specs, out) == again
    assert texts(out) == first


@pytest.mark.parametrize(
    "stamp", ["", "[]", "{", '{"numba_cpu": {"inputs": 1, "files": {}, "losses": {"one": {}}}}']
)
def test_a_broken_stamp_is_no_stamp(tmp_path: Path, stamp: str) -> None:
    specs, out = declare(tmp_path / "specs"), tmp_path / "out"
    made(specs, out)
    place = out / "__pycache__" / "lossgen-build.json"
    assert str(tmp_path) not in place.read_text()
    place.write_text(stamp)
    assert made(specs, out) == ["one", "three", "two"]
    assert json.loads(place.read_text())[PACKAGE]["losses"].keys() == {"one", "two", "three"}


def test_a_declaration_changed_meanwhile(tmp_path: Path) -> None:
    specs, out = declare(tmp_path / "specs"), tmp_path / "out"
    with pytest.raises(LossError, match="build again"):
        build(specs, out, jobs=1, progress=lambda *_: declare(specs, factor=2) and None)
    assert not out.exists()


def test_the_generator_blames_the_declaration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise AssertionError("no such axis")

    monkeypatch.setattr(make, "compile_variant", crash)
    with pytest.raises(SpecError) as caught:
        build(declare(tmp_path / "specs"), tmp_path / "out", jobs=1)
    assert caught.value.line == 4
    assert caught.value.loss == "one"
    assert "AssertionError: no such axis" in str(caught.value)
    assert caught.value.fix


def test_commands(tmp_path: Path) -> None:
    """Progress in lines, the same bytes from any number of processes, and no SymPy when nothing is to do."""
    specs, out, other = declare(tmp_path / "specs"), tmp_path / "out", tmp_path / "other"
    done = lossgen("build", specs, "--out", out, "--jobs", 3)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["[1/3]", "[2/3]", "[3/3]"]
    assert {line.split()[1] for line in lines} == {"one", "two", "three"}
    made(specs, other)
    assert texts(out) == texts(other)

    code = "import sys; from lossgen.cli import main; main(); print('sympy' in sys.modules)"
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, "build", specs, "--out", out, "--no-measure"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"
    assert "nothing to do" in done.stdout
    assert done.stderr == ""
    assert time.monotonic() - start < 1.5, "it takes 0.2 s when the machine is not busy"

    (specs / "second.py").write_text("def three(:\n")
    done = lossgen("build", specs, "--out", out)
    assert done.returncode == 1
    assert "second.py:1: " in done.stderr
    assert "fix: " in done.stderr
    assert texts(out) == texts(other)


def workers_of(group: int) -> list[int]:
    """Processes of a process group that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, of = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of) == group and state != "Z":
            found.append(int(folder.name))
    return found


@pytest.mark.full
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """The output is the old tree or the new one, and no process is left behind."""
    specs = [declare(tmp_path / "a" / "specs", 1), declare(tmp_path / "b" / "specs", 2)]
    expected = []
    for number, folder in enumerate(specs):
        start = time.monotonic()
        assert lossgen("build", folder, "--out", tmp_path / f"whole{number}", "--jobs", 2).returncode == 0
        took = time.monotonic() - start
        expected.append(texts(tmp_path / f"whole{number}"))
    assert expected[0] != expected[1]
    out = tmp_path / "out"
    assert lossgen("build", specs[0], "--out", out).returncode == 0
    rng = random.Random(5)
    seen = []
    for attempt in range(20):
        turn = (attempt + 1) % 2
        process = subprocess.Popen(
            command("build", specs[turn], "--out", out, "--jobs", 2, "--force"),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        # Half of them late, around the moment of writing, which other work on the machine moves.
        late = attempt % 4 >= 2
        time.sleep(rng.uniform(0.85, 1.1) * took if late else rng.uniform(0, took))
        process.send_signal(signal.SIGKILL)
        ended = process.wait() == 0
        if late:
            took *= 0.8 if ended else 1.25
        now = texts(out)
        assert now in expected, f"a mixture after attempt {attempt}"
        seen.append(expected.index(now))
        deadline = time.monotonic() + 10
        while workers_of(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not workers_of(process.pid), "workers outlive their build"
    assert len(set(seen)) == 2, "no build ended before it was killed"
    assert lossgen("build", specs[1], "--out", out).returncode == 0
    assert texts(out) == expected[1]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")] == []


@pytest.mark.full
def test_two_at_once(tmp_path: Path) -> None:
    specs = [declare(tmp_path / "a" / "specs", 1), declare(tmp_path / "b" / "specs", 2)]
    expected = []
    for number, folder in enumerate(specs):
        made(folder, tmp_path / f"whole{number}")
        expected.append(texts(tmp_path / f"whole{number}"))
    out = tmp_path / "out"
    both = [
        subprocess.Popen(
            command("build", folder, "--out", out, "--jobs", 1),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for folder in specs
    ]
    for process in both:
        _, complaint = process.communicate(timeout=300)
        assert process.returncode == 0, complaint
    assert texts(out) in expected
    # Whoever came last, its stamp does not hide that the other's files are not its own.
    for folder, tree in zip(specs, expected, strict=True):
        assert lossgen("build", folder, "--out", out).returncode == 0
        assert texts(out) == tree


def test_an_interrupt_ends_quietly(tmp_path: Path) -> None:
    specs = declare(tmp_path / "specs")
    process = subprocess.Popen(
        command("build", specs, "--out", tmp_path / "out", "--jobs", 2),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith("[1/3]")
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    if process.returncode != 0:  # it may have been done already
        assert process.returncode == 130
        assert "Traceback" not in complaint
        assert complaint.splitlines()[-1] == "lossgen: interrupted; nothing was changed"
