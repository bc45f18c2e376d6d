"""What `lossgen doctor` looks at."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lossgen.cli import deferred
from lossgen.cli.text import counted
from lossgen.errors import LossError
from lossgen.paths import generated_folder, specs_folder, templates_folder
from lossgen.runtime.package import LossPackage
from lossgen.runtime.threads import ENVIRONMENT, requested_threads, threads
from lossgen.version import __version__

__all__ = ["Finding", "examine"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `state` is ``good``, ``note`` or ``wrong``."""

    area: str
    name: str
    found: str
    state: str = "good"
    fix: str = ""


# What each package is for; those of the first part are needed by every user.
_NEEDED = ("numpy", "numba", "llvmlite")
_BUILD = ("sympy", "mpmath", "python-flint", "jinja2", "rich")
_OPTIONAL = {"ml_dtypes": "bfloat16 arrays", "torch": "lossgen on tensors"}
# A timing is the shortest of so many calls.
_CALLS = 10


def examine(quick: bool = False) -> list[Finding]:
    """Return everything that was found; with ``quick`` nothing is compiled or run."""
    found = [*_versions(), *_data(), *_caches()]
    if not quick:
        found += _threads()
    return [*found, *_gpu()]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _versions() -> Iterator[Finding]:
    area = "Versions"
    yield Finding(area, "lossgen", __version__)
    tested = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding(
        area,
        "python",
        platform.python_version(),
        "good" if tested else "wrong",
        "" if tested else "use Python 3.11, 3.12 or 3.13",
    )
    linux = sys.platform == "linux" and platform.machine() in ("x86_64", "AMD64")
    remark = "" if linux else " (not tested; kernels run on one thread by default)"
    yield Finding(
        area, "system", f"{platform.system()} {platform.machine()}{remark}", "good" if linux else "note"
    )
    for name in _NEEDED:
        there = _version(name)
        yield Finding(
            area,
            name,
            there or "missing",
            "good" if there else "wrong",
            "" if there else "pip install lossgen",
        )
    missing = [name for name in _BUILD if _version(name) is None]
    for name in _BUILD:
        there = _version(name)
        yield Finding(area, name, there or "missing: no build, explain, verify", "good" if there else "note")
    if missing:
        yield Finding(area, "build extra", "incomplete", "note", "pip install 'lossgen[build]'")
    for name, use in _OPTIONAL.items():
        there = _version(name)
        yield Finding(
            area,
            name,
            there or f"missing: no {use}",
            "good" if there else "note",
            "" if there else f"pip install {name}",
        )


def _data() -> Iterator[Finding]:
    area = "Kernels"
    try:
        losses = LossPackage("lossgen.losses", generated_folder()).manifest["losses"]
        yield Finding(area, "generated", f"{counted(len(losses), 'loss', 'losses')} in {generated_folder()}")
    except LossError as error:
        yield Finding(area, "generated", str(error), "wrong", "lossgen build")
        return
    for name, folder in (("specs", specs_folder()), ("templates", templates_folder())):
        there = folder.is_dir()
        fix = "" if there else "install lossgen again"
        yield Finding(area, name, str(folder) if there else "missing", "good" if there else "wrong", fix)
    place = deferred.user_side("lossgen.emit.place")
    plan = place.Place.of(None, None).plan(None)
    done = place.nothing_to_do(None, None, None, plan) is not None
    yield Finding(
        area,
        "freshness",
        "as the last build here left them" if done else "not built here since something changed",
        "good" if done else "note",
        "" if done else "lossgen build --check says whether they are current",
    )


def _caches() -> Iterator[Finding]:
    yield _formulas()
    area = "Caches"
    beside = generated_folder() / "numba_cpu" / "__pycache__"
    folder = os.environ.get("NUMBA_CACHE_DIR")
    where = Path(folder) if folder else beside
    if _writable(where):
        files = [file for file in where.rglob("*.nb[ic]") if file.is_file()]
        size = sum(file.stat().st_size for file in files) / 2**20
        yield Finding(area, "compiled kernels", f"{where}: {counted(len(files), 'file')}, {size:.1f} MiB")
    else:
        fix = "set NUMBA_CACHE_DIR to a folder that you may write"
        said = f"{where} cannot be written: Numba falls back to its own folder, or compiles in every process"
        yield Finding(area, "compiled kernels", said, "note", fix)


def _formulas() -> Finding:
    usage = deferred.user_side("lossgen.runtime.store").usage()
    if usage.folder is None:
        fix = "set LOSSGEN_CACHE_DIR to a folder that you own"
        return Finding("Caches", "compiled formulas", f"in memory alone: {usage.problem}", "note", fix)
    said = f"{usage.folder}: {counted(usage.kernels, 'formula')}, {usage.bytes / 2**20:.1f} MiB"
    return Finding("Caches", "compiled formulas", said)


def _writable(folder: Path) -> bool:
    """Whether a file can be made in a folder, which is not made for this."""
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _threads() -> Iterator[Finding]:
    area = "Threads"
    try:
        numba = deferred.user_side("numba")
        numpy = deferred.user_side("numpy")
        losses = LossPackage("lossgen.losses", generated_folder()).all()
    except (ImportError, LossError) as error:
        yield Finding(area, "kernels", f"cannot run: {error}", "wrong", "mend what is above")
        return
    # Any elementwise loss of one target will do: what is measured is the machine.
    loss = next(one for one in losses.values() if one.entry.structure == "elementwise")
    x, y = numpy.linspace(-3, 3, 2**18), numpy.zeros(2**18)
    start = time.perf_counter()
    loss.value_and_grad(x, y)
    first = time.perf_counter() - start
    each = _best(lambda: loss.value_and_grad(x, y))
    with threads("serial"):
        alone = _best(lambda: loss.value_and_grad(x, y))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    used = requested_threads(numba.config.NUMBA_NUM_THREADS)
    setting = f", {ENVIRONMENT}={os.environ[ENVIRONMENT]}" if os.environ.get(ENVIRONMENT) else ""
    yield Finding(area, "threads", f"{used} of {cores} cores{setting}")
    if used > 1:
        numba.get_num_threads()  # starts the layer; kernels do so only where all cores are ours
        layer = numba.threading_layer()
        fast = layer == "omp"
        fix = "" if fast else "install OpenMP (libgomp), or set NUMBA_THREADING_LAYER=omp"
        said = f"{layer}, for {ENVIRONMENT}=all{'' if fast else ': slower to start than omp'}"
        yield Finding(area, "layer", said, "good" if fast else "note", fix)
    yield Finding(
        area,
        "first call",
        f"{first:.2f} s" + (": it was compiled" if first > 1 else ": from the cache"),
        "good",
    )
    said = f"{each * 1e3:.2f} ms for {len(x):,} numbers of float64; {alone * 1e3:.2f} ms on one thread"
    slow = used > 1 and each > 1.2 * alone
    fix = f"another process holds the cores? use fewer: {ENVIRONMENT}=serial" if slow else ""
    yield Finding(area, "value and gradient", said, "note" if slow else "good", fix)


def _best(call: Callable[[], object]) -> float:
    """Return the shortest of some calls, the first left out."""
    call()
    found = []
    for _ in range(_CALLS):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def _gpu() -> Iterator[Finding]:
    area = "GPU"
    program = shutil.which("nvidia-smi")
    if program is None:
        yield Finding(area, "NVIDIA", "none here (no nvidia-smi); kernels run on the CPU")
        return
    query = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding(area, "NVIDIA", f"nvidia-smi fails: {error}", "note", "look at the driver")
        return
    for line in done.stdout.splitlines():
        yield Finding(area, "NVIDIA", line.strip())
    if _version("numba-cuda") is None:
        yield Finding(area, "numba-cuda", "missing", "note", "pip install 'lossgen[cuda]'")
