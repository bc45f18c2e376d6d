"""Losses on the CPU beside other libraries and the speed of memory.

Every loss in value, value and gradient, and gradient with the diagonal of the Hessian. A page with tables, a
plot and how the marks are met are written into benchmarks/results, unless the run is --quick or --only some.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.cases import Case, cases
from benchmarks.cliffs import cliffs
from benchmarks.conditions import QUIET, disturbances
from benchmarks.contestants import COMPILED, Maker, available
from benchmarks.machine import describe
from benchmarks.marks import Results
from benchmarks.plot import picture
from benchmarks.report import as_json, page, table
from benchmarks.timing import Result, interleave

RESULTS = Path(__file__).parent / "results"
# Seconds of measuring for each contestant of a case; the slow ones take longer.
_SECONDS = {"quick": 0.005, "standard": 0.25, "all": 0.25}
_DISTURBED = 1.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--quick", action="store_true", help="a small gradient of each loss: a smoke test")
    amount.add_argument("--all", action="store_true", help="every output at every size, which takes an hour")
    parser.add_argument("--only", metavar="TEXT", default="", help="cases whose name contains TEXT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here too")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="write table and plot here")
    parser.add_argument("--note", default="", metavar="TEXT", help="what the page says of the run")


def run(given: argparse.Namespace) -> int:
    """Measure the cases, print each table, and write the page."""
    amount = "quick" if given.quick else "all" if given.all else "standard"
    machine = describe()
    print("\n".join(f"{name}: {value}" for name, value in machine.items()))
    makers, missing = available()
    if given.quick and makers.pop(COMPILED, None):
        missing[COMPILED] = "takes seconds to compile each loss"
    for name, reason in missing.items():
        print(f"without {name}: {reason}")
    chosen = [case for case in cases(amount) if given.only in case.name]
    if not chosen:
        print(f"no case has {given.only!r} in its name", file=sys.stderr)
        return 2
    folder = given.results or (None if given.quick or given.only else RESULTS)

    def write(results: Results) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "cpu.md").write_text(page(machine, missing, results, given.note), encoding="utf-8")
            (folder / "cpu.svg").write_text(picture(results), encoding="utf-8")
        if given.json is not None:
            text = json.dumps(as_json(machine, missing, results), indent=1)
            given.json.write_text(text + "\n", encoding="utf-8")

    start = time.monotonic()
    found: list[Result] = []
    for k, case in enumerate(chosen, 1):
        print(f"\n[{k} of {len(chosen)}, {time.monotonic() - start:.0f} s] ", end="", flush=True)
        for result in measure(case, makers, amount):
            found.append(result)
            print(table(result), flush=True)
        write(Results(found))  # what there is, should the run end here
    if not (given.quick or given.only):
        write(Results(found, _cliffs()))
    return 0


def _cliffs() -> dict[str, float]:
    """Measure awkward calls and print what they take beside others."""
    print("\nawkward calls: how many times as long")
    found = {}
    for name, ratio in cliffs():
        found[name] = ratio
        print(f"  {name:<44}{ratio:>8.2f}", flush=True)
    return found


def measure(case: Case, makers: dict[str, Maker], amount: str) -> list[Result]:
    """Let all that have the loss take turns, quietly and where the case asks for it among others."""
    inputs = case.inputs()
    runs = {name: run for name, make in makers.items() if (run := make(case, inputs)) is not None}
    conditions = [(QUIET, _SECONDS[amount])]
    if case.disturbed:
        conditions += [(condition, _DISTURBED) for condition in disturbances()]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [interleave(case, runs, seconds, condition) for condition, seconds in conditions]
