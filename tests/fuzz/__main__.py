"""Fuzz the parser of formulas or the loader of spec files: ``python -m tests.fuzz parser --seconds 600``.

Needs ``pip install atheris``. Whatever is given must end in a loss or in a `LossError`, within 5 seconds and
500 MB; anything else ends the run, and the input is left in the folder where it was started.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["lossgen.spec", "lossgen.algebra"]):
    from lossgen.errors import LossError
    from lossgen.spec.formula import formula
    from lossgen.spec.registry import read
    from tests.fuzz.pieces import formula_text, spec_text

SECONDS_EACH = 5
MEGABYTES_MORE = 500
_BYTES = 2048


def megabytes() -> int:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _formula(data: atheris.FuzzedDataProvider) -> None:
    noise = data.ConsumeProbability() < 0.2
    formula(
        data.ConsumeUnicode(200)
        if noise
        else formula_text(lambda choices: data.PickValueInList(list(choices)))
    )


def _spec(data: atheris.FuzzedDataProvider) -> None:
    _FILE.write_text(spec_text(lambda choices: data.PickValueInList(list(choices))), encoding="utf-8")
    read(_FILE)


def _seeds() -> Path:
    """Return a folder of long inputs: from short ones nothing but the simplest text can be made."""
    folder = Path(tempfile.mkdtemp(prefix="lossgen-seeds-"))
    rng = random.Random(1)
    for number in range(200):
        (folder / str(number)).write_bytes(rng.randbytes(_BYTES))
    return folder


_FILE = Path(tempfile.mkdtemp(prefix="lossgen-fuzz-"), "trial.py")
_STAGES: dict[str, Callable[[atheris.FuzzedDataProvider], None]] = {"parser": _formula, "spec": _spec}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("stage", choices=_STAGES)
    parser.add_argument("--seconds", type=int, default=600)
    arguments = parser.parse_args()
    stage = _STAGES[arguments.stage]
    warnings.simplefilter("ignore")  # of Python about the code of a spec file
    seen: Counter[str] = Counter()
    longest = 0.0
    stage_end = time.monotonic() + arguments.seconds

    def one(data: bytes) -> None:
        nonlocal longest
        start = time.monotonic()
        try:
            stage(atheris.FuzzedDataProvider(data))
            seen["accepted"] += 1
        except LossError:
            seen["refused"] += 1
        longest = max(longest, time.monotonic() - start)
        if time.monotonic() > stage_end:
            said = ", ".join(f"{count} {what}" for what, count in sorted(seen.items()))
            more = megabytes() - before
            print(f"{arguments.stage}: {said}; longest {longest:.2f} s, {more} MB more than at the start")
            sys.stdout.flush()
            os._exit(more > MEGABYTES_MORE)  # an exception would count as found

    before = megabytes()
    limits = [f"-timeout={SECONDS_EACH}", f"-rss_limit_mb={before + MEGABYTES_MORE}"]
    lengths = [f"-max_len={_BYTES}", "-len_control=0"]
    atheris.Setup([sys.argv[0], *limits, *lengths, str(_seeds())], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
