"""Shares of numbers that fail the pass rule: lossgen beside others, loss by loss and formula by formula.

Shipped losses stand beside the functions of torch, optax and scikit-learn, where those have them, and beside
the formula as it is declared: in NumPy with dual numbers (naive), and differentiated by JAX. Formulas stand
beside SymPy's `lambdify` of the formula and of its derivative, and beside torch's and JAX's autograd. All are
judged on the same points, in value and gradient, float32 and float64.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import lossgen
from benchmarks.formulas import SUITE
from benchmarks.peers import formula, judged
from lossgen.oracle.verify import verify_variant
from lossgen.paths import specs_folder
from lossgen.spec.registry import load

# The mark: of the numbers of an output in a precision, at most this share may fail.
MARK = 0.01
# By contestant, shares by output and precision; None where it cannot compute the loss.
Shares = Mapping[str, Mapping[str, float] | None]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--loss", metavar="NAME", help="this shipped loss alone, output by output")
    parser.add_argument("--formula", metavar="TEXT", help="formulas whose name contains TEXT alone")
    parser.add_argument("--points", type=int, default=16, help="points of each sampler (16)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all shares here too")


def run(given: argparse.Namespace) -> int:
    """Print the tables."""
    both = given.loss is None and given.formula is None
    found: dict[str, dict[str, Shares]] = {}
    print("largest share of numbers of an output (value, gradients) and precision that fail the pass rule")
    if both or given.loss is not None:
        found["losses"] = _table(judged.available(), losses(given.loss, given.points))
    if both or given.formula is not None:
        found["formulas"] = _table(formula.available(), formulas(given.formula or "", given.points))
    if not any(found.values()):
        asked = (
            f"loss is named {given.loss!r}" if given.loss else f"formula has {given.formula!r} in its name"
        )
        print(f"no {asked}", file=sys.stderr)
        return 2
    if given.loss is not None:
        print("\n".join(outputs(found["losses"][given.loss])))
    if given.json is not None:
        given.json.write_text(json.dumps({"points": given.points} | found, indent=1) + "\n", encoding="utf-8")
    return 0


def losses(only: str | None, points: int) -> Iterator[tuple[str, Shares]]:
    """Yield the shares of each shipped loss."""
    for loss in load(specs_folder()):
        if only in (None, loss.name):
            yield loss.name, judged.shares(loss, points)


def formulas(only: str, points: int) -> Iterator[tuple[str, Shares]]:
    """Yield the shares of each formula."""
    for name, (text, domains, defaults) in SUITE.items():
        if only in name:
            loss = lossgen.compile(text, domains=domains, defaults=defaults)
            yield name, {other: _known(loss, other, points) for other in formula.available()}


def _known(loss: Any, contestant: str, points: int) -> dict[str, float] | None:
    try:
        return shares(loss, contestant, points)
    except (TypeError, NameError, NotImplementedError, RuntimeError, AttributeError, KeyError):
        return None  # a function that it does not have


def shares(loss: Any, contestant: str, points: int, seed: int = 0) -> dict[str, float]:
    """Return the share of failing numbers of a compiled formula by output and precision."""
    spec = loss.spec
    made = formula.CONTESTANTS[contestant](loss)
    package = SimpleNamespace(all=lambda: {spec.name: made})
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = verify_variant(spec, spec.variant(), package, judged.DTYPES, points, seed)
    return {f"{row.output}/{row.dtype}": row.failed / row.points for row in rows}


def _table(contestants: Sequence[str], rows: Iterator[tuple[str, Shares]]) -> dict[str, Shares]:
    """Print a row for each loss as it comes, then how many each contestant has within the mark."""
    print(f"\n{'':<24}" + "".join(f"{name:>10}" for name in contestants))
    found: dict[str, Shares] = {}
    for name, by_contestant in rows:
        print(line(name, [worst(one) for one in by_contestant.values()]), flush=True)
        found[name] = by_contestant
    if found:
        print(summary(list(found.values())))
    return found


def worst(shares: Mapping[str, float] | None) -> float | None:
    """Return the largest share."""
    return None if shares is None else max(shares.values())


def line(name: str, cells: Sequence[float | None]) -> str:
    """Return a row of the table."""
    written = ("-" if share is None else f"{100 * share:.1f} %" for share in cells)
    return f"{name:<24}" + "".join(f"{cell:>10}" for cell in written)


def summary(found: Sequence[Shares]) -> str:
    """Return how many each contestant computes within the mark in every output, of those that it has."""
    cells = []
    for name in found[0]:
        has = [share for one in found if (share := worst(one[name])) is not None]
        cells.append(f"{sum(share <= MARK for share in has)}/{len(has)}")
    return f"{'within 1 %':<24}" + "".join(f"{cell:>10}" for cell in cells)


def outputs(shares: Shares) -> list[str]:
    """Return a line for each output and precision of one loss."""
    names = next(one for one in shares.values() if one is not None)
    return [
        line(f"  {name}", [None if one is None else one.get(name) for one in shares.values()])
        for name in names
    ]
