"""`lossgen build`: makes what changed and nothing else, and never leaves a mixture."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lossgen.backends.base import Unit
from lossgen.backends.names import PACKAGE
from lossgen.backends.registry import BACKENDS
from lossgen.errors import LossError, SpecError
from lossgen.pipeline import BuildReport, build, make

ROOT = Path(__file__).resolve().parents[2]
HEAD = "from lossgen.spec import Pred, Target, loss\n"
LOSS = '''

@loss(family="trial")
def {name}(x: Pred, y: Target):
    """A power."""
    return {factor} * (x - y)**{power}
'''


def declare(folder: Path, factor: int = 1) -> Path:
    """Two files, the first with two losses; the second imports from others, which declare none."""
    folder.mkdir(parents=True, exist_ok=True)
    both = (LOSS.format(name=name, factor=factor, power=power) for name, power in (("one", 2), ("two", 4)))
    (folder / "first.py").write_text(HEAD + "".join(both))
    (folder / "second.py").write_text(
        f"from _powers import POWER\n{HEAD}{LOSS.format(name='three', factor=factor, power='POWER')}"
    )
    (folder / "_powers.py").write_text("from deeper import POWER\n")
    (folder / "deeper").mkdir(exist_ok=True)
    (folder / "deeper" / "__init__.py").write_text("POWER = 6\n")
    return folder


def texts(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): path.read_text()
        for path in sorted(out.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def made(specs: Path, out: Path, **options: object) -> list[str]:
    """Build in this process; return the names of the losses that were made."""
    names: list[str] = []
    build(specs, out, jobs=1, progress=lambda name, done, total: names.append(name), **options)
    return sorted(names)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "lossgen.cli", *map(str, arguments)]


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


def refuse_three(unit: Unit) -> str | None:
    return "because" if unit.stem == "three" else None


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> str:
    """A backend like that of the package, which cannot write one of the losses."""
    name = "other"
    monkeypatch.setitem(BACKENDS, name, replace(BACKENDS[PACKAGE], name=name, refuses=refuse_three))
    return name


def part(out: Path, target: str) -> dict[str, str]:
    return {name: text for name, text in texts(out).items() if name.startswith(f"{target}/")}


def test_a_target_has_its_own_files(tmp_path: Path, other: str) -> None:
    specs, out, alone = declare(tmp_path / "specs"), tmp_path / "out", tmp_path / "alone"

    def report(out: Path, *targets: str, **options: bool) -> BuildReport:
        return build(specs, out, targets or None, jobs=1, **options)

    # One target writes its folder; manifest, stubs and markers are the package's.
    report(alone, other)
    assert texts(alone).keys() == {"other/__init__.py", "other/one.py", "other/two.py"}
    report(out, PACKAGE)
    package = texts(out)
    assert {"manifest.json", "__init__.pyi", "__init__.py", f"{PACKAGE}/three.py"} <= package.keys()
    report(out, other)
    assert texts(out) == package | texts(alone)

    # What one cannot write is said, also when nothing is made, and makes nothing stale.
    for made_before in (False, True):
        now = report(tmp_path / "all", other, PACKAGE, check=made_before)
        assert [(left.target, left.name, left.reason) for left in now.left_out] == [
            (other, "three", "because")
        ]
        assert (now.stale, now.orphans) == ([], [])
    assert texts(tmp_path / "all") == texts(out)

    # Each target knows what it made last; files of others, even wrong ones, are no business of its own.
    declare(specs, factor=2)
    assert made(specs, out, targets=(other,)) == ["one", "three", "two"]
    assert made(specs, out, targets=(other,)) == []
    assert {name: text for name, text in texts(out).items() if name in package} == package
    assert made(specs, out, targets=(PACKAGE,)) == ["one", "three", "two"]
    (out / other / "stray.py").write_text('"""Generated by lossgen; do not edit."""')
    assert report(out, PACKAGE, check=True).orphans == []
    assert [path.name for path in report(out, other, check=True).orphans] == ["stray.py"]
    assert [path.name for path in report(out, other).orphans] == ["stray.py"]
    report(tmp_path / "new", other, PACKAGE)
    assert texts(out) == texts(tmp_path / "new")


def test_a_declaration_changed_meanwhile(tmp_path: Path) -> None:
    specs, out = declare(tmp_path / "specs"), tmp_path / "out"
    with pytest.raises(LossError, match="build again"):
        build(specs, out, jobs=1, progress=lambda *_: declare(specs, factor=2) and None)
    assert not out.exists()


def test_the_generator_blames_the_declaration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*arguments: object) -> None:
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
        [sys.executable, "-c", code, "build", specs, "--out", out],
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
        # Half of them late, around the moment of writing.
        time.sleep(rng.uniform(0, took) if attempt % 4 < 2 else rng.uniform(0.85, 1.1) * took)
        process.send_signal(signal.SIGKILL)
        process.wait()
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
