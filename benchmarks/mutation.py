"""Are tests sharp? Kernels are altered in one place each, and the tests of their losses asked to notice.

`benchmarks.mutants.alter` says what is altered, `benchmarks.mutants.trial` which tests are asked, and
`benchmarks.mutants.interpret` how kernels run without a compiler.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.mutants.trial import Outcome, Subject, outcomes
from lossgen.console import Console, Progress
from lossgen.paths import specs_folder
from lossgen.pipeline.pool import in_processes
from lossgen.spec.registry import load

# The mark: at least this share of alterations is noticed.
MARK = 0.99

Task = tuple[str, str, tuple[int, ...]]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--count", type=int, default=230, help="altered kernels (230)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (0)")
    parser.add_argument("--loss", metavar="NAME", help="of this loss alone")
    parser.add_argument("--jobs", type=int, help="processes; one for each core if left out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what became of each here too")


def run(given: argparse.Namespace) -> int:
    """Alter kernels, and print what was noticed, loss by loss."""
    work = tasks(given.count, given.seed, given.loss)
    if not work:
        print(f"no loss is named {given.loss}", file=sys.stderr)
        return 2
    found: list[Outcome] = []
    with Progress(Console()) as progress:
        for (loss, suffix, _), some in in_processes(_tried, work, given.jobs):
            found += some
            progress(" ".join(filter(None, (loss, suffix))), len(found), sum(len(s) for *_, s in work))
    found.sort(key=lambda one: (one.loss, one.variant, one.kind, one.text))
    print("\n".join(report(found)))
    if given.json is not None:
        content = [asdict(one) | {"explanation": "" if one.caught else explanation(one)} for one in found]
        given.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if share(found) >= MARK else 1


def tasks(count: int, seed: int, only: str | None) -> list[Task]:
    """Return alterations by variant: as many of each loss, of variants by chance."""
    losses = [loss for loss in load(specs_folder()) if only in (None, loss.name)]
    rng = random.Random(seed)
    found: dict[tuple[str, str], list[int]] = {}
    for number in range(count if losses else 0):
        loss = losses[number % len(losses)]
        variant = rng.choice(loss.variants)
        found.setdefault((loss.name, variant.suffix), []).append(rng.randrange(2**32))
    # Variants with the most go first, so that the others fill the time.
    return sorted(((*key, tuple(seeds)) for key, seeds in found.items()), key=lambda task: -len(task[2]))


def _tried(task: Task) -> list[Outcome]:
    name, suffix, seeds = task
    loss = next(one for one in load(specs_folder()) if one.name == name)
    variant = next(one for one in loss.variants if one.suffix == suffix)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(outcomes(Subject(loss, variant), seeds))


def share(found: Sequence[Outcome]) -> float:
    """Return the share that is noticed, of those that are not exempt and do not compute the same."""
    counted = [one for one in found if not exempt(one) and not equivalent(one)]
    return sum(bool(one.caught) for one in counted) / max(1, len(counted))


def exempt(one: Outcome) -> bool:
    """Tell whether it moves the bound of a branch to where both sides agree."""
    return not one.caught and one.bound and one.changed > 0


def equivalent(one: Outcome) -> bool:
    """Tell whether every number of every output has the bits that it had, weights and all kinds of samples
    included: what no test can see.
    """
    return not one.caught and one.same > 0


def explanation(one: Outcome) -> str:
    """Say why a survivor may live, where its numbers tell."""
    if exempt(one):
        return (
            f"both branches agree where the bound lies: {one.changed} of {one.numbers} numbers have other "
            "bits, all within the rule"
        )
    if equivalent(one):
        return f"the same bits in all of {one.same} numbers of all outputs: it computes the same"
    if one.changed:
        return f"{one.changed} of {one.numbers} numbers have other bits, all within the rule"
    return "other bits in numbers that no test looks at"


def report(found: Sequence[Outcome]) -> list[str]:
    """Return the lines of the table, and of the survivors."""
    heads = ("altered", "noticed", "exempt", "equal", "survive")
    lines = [f"{'':<24}" + "".join(f"{head:>9}" for head in heads)]
    for name in [*dict.fromkeys(one.loss for one in found), ""]:
        some = [one for one in found if name in ("", one.loss)]
        left = [one for one in some if not one.caught]
        free, equal = sum(map(exempt, left)), sum(map(equivalent, left))
        numbers = (len(some), len(some) - len(left), free, equal, len(left) - free - equal)
        lines.append(f"{name or 'all':<24}" + "".join(f"{number:>9}" for number in numbers))
    for one in found:
        if not one.caught:
            where = " ".join(filter(None, (one.loss, one.variant, one.kind)))
            lines += ["", f"{where}: {one.what}", f"  {one.text}", f"  {explanation(one)}"]
    tests: dict[str, int] = {}
    for one in found:
        if one.caught:
            name = one.caught.partition(":")[0].partition("-")[0]
            tests[name] = tests.get(name, 0) + 1
    lines += [
        "",
        "noticed by " + ", ".join(f"{n} ({tests[n]})" for n in sorted(tests, key=lambda n: -tests[n])),
    ]
    lines.append(f"{100 * share(found):.1f} % noticed")
    return lines
