"""The first call in a new process, beside that of a bare Numba kernel, both found in Numba's cache."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

_CLOCK = """
import time
begun = time.perf_counter()
import numpy as np
x, y = np.ones((2, 1000), np.float32)
{call}
print(time.perf_counter() - begun)
"""
_BARE = """
import math
import numba

@numba.njit(cache=True, nogil=True, error_model="numpy")
def kernel(x, y, gradient):
    total = 0.0
    for i in range(x.shape[0]):
        gradient[i] = math.exp(x[i] - y[i])
        total += gradient[i]
    return total
"""
CALLS = {
    "a bare Numba kernel": "import bare; bare.kernel(x, y, np.empty_like(x))",
    "lossgen, value": "import lossgen.losses as L; L.huber(x, y)",
    "lossgen, value and gradient": "import lossgen.losses as L; L.huber.value_and_grad(x, y)",
}


def measured(rounds: int) -> dict[str, list[float]]:
    """Return seconds from the import of NumPy to the result, of every call in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in CALLS}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bare.py").write_text(_BARE)
        path = os.pathsep.join([folder, str(Path(__file__).parents[1])])
        environment = {**os.environ, "PYTHONPATH": path, "NUMBA_CACHE_DIR": folder}
        environment["PYTHONPYCACHEPREFIX"] = folder
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for turn in range(rounds + 1):
            for name, call in CALLS.items():
                code = _CLOCK.format(call=call)
                done = subprocess.run(
                    [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
                )
                if turn:  # the first round fills the caches
                    seconds[name].append(float(done.stdout))
    return seconds


def report(rounds: int) -> str:
    """Medians, and how much longer than the bare kernel."""
    seconds = measured(rounds)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    bare = next(iter(medians.values()))
    lines = [
        f"{name:<30}{median:>8.3f} s{median - bare:>+8.3f} s   least {min(seconds[name]):.3f} s"
        for name, median in medians.items()
    ]
    return "\n".join(lines)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--rounds", type=int, default=9, help="processes of each kind (9)")


def run(given: argparse.Namespace) -> int:
    """Print how long they take."""
    print(report(given.rounds))
    return 0
