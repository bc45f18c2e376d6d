"""Command line of the benchmarks."""

import argparse
import importlib
import sys

# What each group measures; the module has its options and runs it.
GROUPS = {
    "cpu": "value and gradient on the CPU, against other libraries",
    "accuracy": "losses and formulas by the pass rule, against other code",
    "start": "the first call in a new process, against a bare Numba kernel",
    "exhaustive": "vector mathematics over every float32",
    "mutation": "altered kernels, and whether tests notice",
}


def main() -> int:
    """Run one group of measurements and print its table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    groups = parser.add_subparsers(dest="group", required=True)
    for name, said in GROUPS.items():
        group = groups.add_parser(name, help=said)
        if name in sys.argv[1:2]:  # the others may need what is not installed
            module = importlib.import_module(f"benchmarks.{name}")
            group.description = module.__doc__
            module.arguments(group)
            group.set_defaults(run=module.run)
    given = parser.parse_args()
    return given.run(given)


if __name__ == "__main__":
    sys.exit(main())
