"""Continuous integration runs what README says, and notices tests that do not run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.pages import ROOT, quick_start

SCRIPT = ROOT / ".ci" / "run"

TESTS = """
import pytest

def test_passes():
    pass

@pytest.mark.gpu
def test_needs_a_device():
    pytest.skip("no device")

def test_expected():
    pytest.xfail("known")
"""


def test_script_is_executable_and_parses() -> None:
    assert os.access(SCRIPT, os.X_OK)
    subprocess.run(["bash", "-n", SCRIPT], check=True)


def test_script_takes_its_commands_from_readme() -> None:
    (extraction,) = re.findall(r"^mapfile .*$", SCRIPT.read_text(), re.MULTILINE)
    shown = extraction + '\nprintf "%s\\n" "${quick_start[@]}"'
    done = subprocess.run(["bash", "-euc", shown], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == quick_start()


def run_tests(folder: Path, text: str, **variables: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "conftest.py")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = gpu\n")
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(folder)]
    dropped = ("LOSSGEN_NO_SKIPS", "LOSSGEN_SKIPPED")
    environment = {name: value for name, value in os.environ.items() if name not in dropped} | variables
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_devices_may_be_missing(tmp_path: Path) -> None:
    assert run_tests(tmp_path, TESTS, LOSSGEN_NO_SKIPS="1").returncode == 0


@pytest.mark.parametrize(
    ("skip", "noted"),
    [
        ("\ndef test_lost():\n    pytest.skip('no reason')\n", "test_it.py::test_lost"),
        ("\n@pytest.mark.skip\ndef test_lost():\n    pass\n", "test_it.py::test_lost"),
        ("\npytest.importorskip('no_such_framework')\n", "test_it.py"),
    ],
)
def test_a_skip_is_noted_and_fails_where_everything_is_installed(
    tmp_path: Path, skip: str, noted: str
) -> None:
    assert run_tests(tmp_path, TESTS + skip, LOSSGEN_NO_SKIPS="1").returncode != 0
    notes = tmp_path / "notes"
    assert run_tests(tmp_path, TESTS + skip, LOSSGEN_SKIPPED=str(notes)).returncode in (0, 5)
    assert set(notes.read_text().split()) == {noted}
