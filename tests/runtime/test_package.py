"""``lossgen.losses`` finds its kernels in a checkout and in a wheel, and losses of it pickle."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "fixtures" / "cases"

CODE = """
import pickle
import lossgen
import lossgen.losses as L
from lossgen.losses import row_case
assert L.elementwise_case([3.0], [1.0]) == 1.5
assert pickle.loads(pickle.dumps(L.elementwise_case)) is L.elementwise_case
assert L.elementwise_case.grad.__module__ == "lossgen.losses"
assert L.all()["row_case"] is row_case
import sys
assert "lossgen.losses.numba_cpu.elementwise_case" in sys.modules
print(L.__path__[0])
"""


@pytest.mark.parametrize("place", ["generated", "lossgen/_data/generated"], ids=["checkout", "wheel"])
def test_the_generated_folder_is_found(tmp_path, place):
    ignored = shutil.ignore_patterns("__pycache__", "_data")
    shutil.copytree(ROOT / "lossgen", tmp_path / "lossgen", ignore=ignored)
    shutil.copytree(CASES, tmp_path / place, ignore=ignored)
    if place != "generated":
        # A folder of that name beside an installed package belongs to somebody else.
        (tmp_path / "generated").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == (tmp_path / place).resolve()
