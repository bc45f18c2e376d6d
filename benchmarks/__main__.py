"""Command line of the benchmarks."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.accuracy import available as available_formulas
from benchmarks.accuracy import line, measured, summary
from benchmarks.cases import cases
from benchmarks.contestants import available
from benchmarks.machine import describe
from benchmarks.report import as_json, table
from benchmarks.timing import interleave


def main() -> int:
    """Run one group of measurements and print its table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    groups = parser.add_subparsers(dest="group", required=True)
    cpu = groups.add_parser("cpu", help="value and gradient on the CPU, against other libraries")
    cpu.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    cpu.add_argument("--quick", action="store_true", help="small inputs and few repetitions: a smoke test")
    cpu.add_argument("--only", metavar="TEXT", default="", help="cases whose name contains TEXT")
    accuracy = groups.add_parser("accuracy", help="formulas by the pass rule, against other code")
    accuracy.add_argument("--points", type=int, default=16, help="points of each sampler (16)")
    accuracy.add_argument("--only", metavar="TEXT", default="", help="formulas whose name contains TEXT")
    arguments = parser.parse_args()
    return _accuracy(arguments) if arguments.group == "accuracy" else _cpu(arguments)


def _accuracy(arguments: argparse.Namespace) -> int:
    print("largest share of numbers of an output (value, gradients) and precision that fail the pass rule")
    print(f"{'':<24}" + "".join(f"{name:>10}" for name in available_formulas()))
    found = []
    for name, worst in measured(arguments.only, arguments.points):
        print(line(name, worst), flush=True)
        found.append(worst)
    if not found:
        print(f"no formula has {arguments.only!r} in its name", file=sys.stderr)
        return 2
    print(summary(found))
    return 0


def _cpu(arguments: argparse.Namespace) -> int:
    machine = describe()
    print("\n".join(f"{name}: {value}" for name, value in machine.items()))
    contestants, missing = available()
    for name, reason in missing.items():
        print(f"without {name}: {reason}")
    print(flush=True)

    results = []
    for case in cases(arguments.quick):
        if arguments.only not in case.name:
            continue
        runs = {name: run for name, make in contestants.items() if (run := make(case)) is not None}
        result = interleave(case, runs, seconds=0.02 if arguments.quick else 1.0)
        results.append(result)
        print(table(result), flush=True)
    if not results:
        print(f"no case has {arguments.only!r} in its name", file=sys.stderr)
        return 2
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(as_json(machine, missing, results), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
