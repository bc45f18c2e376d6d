"""README's quick start, as a stranger would run it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.project.pages import ROOT, quick_start

# Set for what the second command starts: should that ever hold this test, it must not go on for ever.
INSIDE = "LOSSGEN_INSIDE_QUICK_START"


def stranger() -> dict[str, str]:
    """The environment of somebody who has Python and nothing else of ours."""
    dropped = ("PYTHON", "PYTEST", "VIRTUAL_ENV", "NUMBA", "LOSSGEN", "COV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    kept["PATH"] = os.pathsep.join(
        folder
        for folder in kept["PATH"].split(os.pathsep)
        if not (Path(folder).parent / "pyvenv.cfg").exists()
    )
    return kept | {INSIDE: "1"}


@pytest.mark.full
def test_quick_start_works_in_a_fresh_clone(tmp_path: Path) -> None:
    assert INSIDE not in os.environ, "the quick start runs itself"
    clone = tmp_path / "lossgen"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    for command in quick_start():
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=clone,
            env=stranger(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}"
        status = subprocess.run(
            ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
        )
        assert status.stdout == "", f"{command} left something behind"
