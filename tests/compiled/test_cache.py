"""Kernels between processes: what a key depends on, and what a damaged, foreign or unwritable folder does."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lossgen
from lossgen import cli
from lossgen.runtime import folder, identity, store
from lossgen.runtime.sources import Formula, Shipped

TEXT = "c*(x - y)**2/2"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A cache of its own, and a memory that has forgotten everything."""
    monkeypatch.setenv(folder.ENVIRONMENT, str(tmp_path))
    monkeypatch.setattr(store, "_remembered", type(store._remembered)())
    return tmp_path / "kernels"


def stored(**options):
    return lossgen.compile(TEXT, **options)._record


def works(record):
    loss = lossgen.compile(TEXT, defaults={"c": 3})
    assert loss._record.key == record.key
    return loss.grad([2.0], [0.5], reduction="sum") == 4.5


DIFFERENT = {
    "the same": {"defaults": {"c": 3}},
    "a default": {"defaults": {"c": 4}},
    "the type of a default": {"defaults": {"c": 3.0}},
    "no default": {},
    "a domain of a parameter": {"defaults": {"c": 3}, "domains": {"c": "positive"}},
    "a domain of the target": {"defaults": {"c": 3}, "domains": {"y": "positive"}},
}


def test_a_key_changes_with_whatever_changes_the_loss():
    keys = {name: stored(**options).key for name, options in DIFFERENT.items()}
    keys["the text"] = lossgen.compile(f"{TEXT} + 0.5", defaults={"c": 3})._record.key
    assert len(set(keys.values())) == len(keys)
    assert stored(domains={"x": "real"}, defaults={"c": np.int64(3)}).key == keys["the same"]


def test_a_key_changes_with_static_choices_and_declarations(monkeypatch):
    seen = []
    monkeypatch.setattr("lossgen.runtime.sources.find", lambda key: seen.append(key) or "record")
    shipped = Shipped("lossgen.losses", "one", "sha256:1")
    for source, static in [
        (shipped, {}),
        (shipped, {"p": 1}),
        (shipped, {"p": True}),
        (shipped, {"p": 1, "q": "a"}),
        (Shipped("lossgen.losses", "one", "sha256:2"), {}),
        (Shipped("lossgen.losses", "other", "sha256:1"), {}),
    ]:
        source.record(static)
    assert len(set(seen)) == len(seen) == 6


def test_a_key_changes_with_the_generator_and_its_templates(tmp_path, monkeypatch):
    before = identity.key_of({"a": 1})
    copy = tmp_path / "templates"
    copy.mkdir()
    (copy / "one.j2").write_text("text")
    monkeypatch.setattr(identity, "templates_folder", lambda: copy)
    keys = [before]
    for text in ("text", "other text"):
        (copy / "one.j2").write_text(text)
        identity.generator.cache_clear()
        keys.append(identity.key_of({"a": 1}))
    identity.generator.cache_clear()
    assert len(set(keys)) == 3


DAMAGE = {
    "kernels cut off": lambda at: (at / "kernels.py").write_text((at / "kernels.py").read_text()[:300]),
    "kernels changed": lambda at: (at / "kernels.py").write_text("import os\n"),
    "kernels gone": lambda at: (at / "kernels.py").unlink(),
    "entry cut off": lambda at: (at / "entry.json").write_text((at / "entry.json").read_text()[:50]),
    "entry empty": lambda at: (at / "entry.json").write_text(""),
    "entry of another shape": lambda at: (at / "entry.json").write_text("[1, 2]"),
    "entry not text": lambda at: (at / "entry.json").write_bytes(b"\xff\xfe\x00"),
    "entry changed": lambda at: (at / "entry.json").write_text(
        (at / "entry.json").read_text().replace('"default": 3', '"default": 4')
    ),
    "entry is a folder": lambda at: ((at / "entry.json").unlink(), (at / "entry.json").mkdir()),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_entry_is_made_again(name, place):
    record = stored(defaults={"c": 3})
    DAMAGE[name](place / record.key)
    store._remembered.clear()
    again = stored(defaults={"c": 3})
    assert (again.text, again.entry) == (record.text, record.entry)
    store._remembered.clear()
    assert store.find(record.key) is not None


def test_files_are_private_and_complete(place):
    record = stored(defaults={"c": 3})
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / record.key).stat().st_mode) == 0o700
    assert sorted(p.name for p in place.iterdir()) == [record.key]
    assert works(record)


def test_a_folder_that_others_may_read_is_closed_to_them(place):
    place.mkdir(mode=0o755)
    stored()
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


@pytest.mark.parametrize("problem", ["others may write", "another user", "a link", "a file"])
def test_a_folder_that_cannot_be_trusted_is_not_used(problem, place, monkeypatch, tmp_path):
    if problem == "others may write":
        place.mkdir()
        place.chmod(0o777)
    elif problem == "another user":
        place.mkdir(mode=0o700)
        monkeypatch.setattr(os, "getuid", lambda: 12345)
    elif problem == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.write_text("")
    record = stored(defaults={"c": 3})
    assert record.path is None
    assert store.usage().folder is None
    assert store.usage().problem.startswith(str(place))
    assert works(record)
    if place.is_dir():
        assert not list(place.iterdir())


def test_where_nothing_can_be_written_kernels_live_in_memory(monkeypatch, capsys):
    monkeypatch.setenv(folder.ENVIRONMENT, "/proc/lossgen")
    record = stored(defaults={"c": 3})
    assert record.path is None
    assert works(record)
    assert stored(defaults={"c": 3}) is record
    assert cli.main(["cache"]) == 0
    assert "in memory alone: /proc/lossgen" in capsys.readouterr().out
    monkeypatch.delenv(folder.ENVIRONMENT)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError))
    assert "there is no home folder" in folder.find_folder().problem


def test_a_full_disk_leaves_nothing_behind(place, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    assert stored().path is None
    assert not list(place.iterdir())


def test_what_was_not_used_for_longest_goes_first(place, monkeypatch):
    records = [lossgen.compile(f"{TEXT} + {k}")._record for k in range(3)]
    for age, record in enumerate(records):
        os.utime(place / record.key / "entry.json", (1e9 + age, 1e9 + age))
    store._remembered.clear()
    assert store.find(records[0].key) is not None  # used now
    monkeypatch.setattr(store, "MOST_BYTES", int(store.usage().bytes * 1.1))
    last = lossgen.compile(f"{TEXT} + 3")._record
    left = {p.name for p in place.iterdir()}
    assert left == {records[0].key, records[2].key, last.key}


def test_clearing(place, capsys):
    record = stored(defaults={"c": 3})
    (place / ".half-written").mkdir()
    assert cli.main(["cache", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(place)
    assert told["kernels"] == 1
    assert told["bytes"] >= len(record.text)
    assert cli.main(["cache", "--clear"]) == 0
    assert "1 compiled formula deleted" in capsys.readouterr().out
    assert not list(place.iterdir())
    assert works(record)  # a loss that is in use goes on, and compiling again works


STRESS = """
import random, sys
from lossgen.runtime import store
text = "# " + "kernels " * 20_000
random.seed(int(sys.argv[1]))
for _ in range(120):
    store._remembered.clear()
    action = random.random()
    if action < 0.45:
        store.keep("a" * 64, {"name": "one", "value": 0.1}, text)
    elif action < 0.9:
        record = store.find("a" * 64)
        assert record is None or (record.text == text and record.entry["value"] == 0.1)
    else:
        store.clear()
"""


def test_processes_that_write_read_and_clear_at_once_see_all_or_nothing(place):
    command = [sys.executable, "-c", STRESS]
    running = [subprocess.Popen([*command, str(k)], stderr=subprocess.PIPE, text=True) for k in range(4)]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert all(p.name == "a" * 64 for p in place.iterdir())


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


WARM = f"""
import sys, time
sys.modules["sympy"] = sys.modules["jinja2"] = None  # importing them fails
import numpy, lossgen
start = time.process_time()
loss = lossgen.compile({TEXT!r}, defaults={{"c": 3}})
took = time.process_time() - start
assert not [name for name in sys.modules if name.startswith("lossgen.spec")]
assert "numba" not in sys.modules
print(took)
"""


def test_a_warm_start_is_fast_and_free_of_sympy():
    stored(defaults={"c": 3})
    took = []
    for last in ("", "", "", "assert loss.grad([2.0], [0.5], reduction='sum') == 4.5"):
        done = run(WARM + last)
        assert done.returncode == 0, done.stderr
        took.append(float(done.stdout))
    assert min(took) < 0.050


def test_without_sympy_a_formula_that_is_not_kept_says_what_to_install():
    done = run(WARM)
    assert "pip install 'lossgen[build]'" in done.stderr.splitlines()[-1]


def test_a_formula_pickles_without_its_kernels():
    source = Formula(TEXT, (), (("c", 3),))
    assert lossgen.compile(TEXT, defaults={"c": 3}).source == source
