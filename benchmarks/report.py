"""Results as text: for the terminal, as a page of tables, and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.cases import GRADIENT, HESSIAN, VALUE
from benchmarks.contestants import ALL, ALL_FRESH, FLOOR, FRAMEWORKS, FRESH, OURS
from benchmarks.marks import MARKS, Mark, Results, fastest, lead
from benchmarks.timing import Result

_COLUMNS = (OURS, FRESH, ALL, ALL_FRESH, FLOOR, *FRAMEWORKS, "NumPy")
_TITLES = {
    VALUE: "Value",
    GRADIENT: "Value and gradient",
    HESSIAN: "Gradient and diagonal of the Hessian, not reduced",
}
_MADE = """\
Written by `python -m benchmarks cpu`; [what is measured, and how](../../docs/benchmarks.md). Marks are meant
for 4 cores with AVX-512; without, those that depend on arithmetic are half as high."""
_READING = """\
Median time of a call. `lossgen` writes into reused arrays and takes the threads that it takes by default (all
cores but one), `fresh` makes new arrays as frameworks do, `all` is `lossgen.threads("all")`. `memory` reads
the same arrays and writes as many as the results have. The last column is the median of the fastest framework
over that of `lossgen`. scikit-learn writes a loss and a gradient for each sample, and the mean of the losses
is taken; NumPy's derivatives are those that SymPy takes of the declared formula."""


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def table(result: Result) -> str:
    """Medians, 95th percentiles, and how many times ours each one took, for the terminal."""
    ours = result.median(OURS)
    condition = "" if result.condition == "quiet" else f", {result.condition}"
    lines = [f"{result.case.name}{condition}", f"  {'':<20}{'median':>10}{'95 %':>10}{'× lossgen':>11}"]
    for name in sorted(result.seconds, key=result.median):
        median = result.median(name)
        lines.append(
            f"  {name:<20}{duration(median):>10}{duration(result.late(name)):>10}{median / ours:>11.2f}"
        )
    lines += [f"  {name:<20}{reason}" for name, reason in result.without.items()]
    return "\n".join(lines) + "\n"


def page(machine: Mapping[str, str], missing: Mapping[str, str], results: Results, note: str) -> str:
    """Everything as Markdown."""
    lines = ["# Speed on the CPU", "", *_MADE.splitlines(), ""]
    lines += [note, ""] if note else []
    lines += [f"- {name}: {value}" for name, value in machine.items()]
    lines += [f"- without {name}: {reason}" for name, reason in missing.items()]
    lines += ["", "![Value and gradient](cpu.svg)", "", "## Marks", "", *_marks(results)]
    for output, title in _TITLES.items():
        some = [r for r in results.all if r.case.output == output and r.condition == "quiet"]
        if some:
            lines += ["", f"## {title}", "", *_rows(some)]
            if output == GRADIENT:
                lines[-len(some) - 3 : -len(some) - 3] = ["", *_READING.splitlines()]
    lines += [*_disturbed(results), *_cliffs(results)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(cells: Sequence[str]) -> list[str]:
    return [_row(cells), "|" + "---|" * len(cells)]


def _rows(results: Sequence[Result]) -> Iterator[str]:
    columns = [name for name in _COLUMNS if any(name in result.seconds for result in results)]
    yield from _head(["", *columns, "fastest framework"])
    for result in results:
        case = result.case
        name = f"{case.loss} {case.size}" + ("" if case.dtype == "float32" else f" {case.dtype}")
        times = [duration(result.median(n)) if n in result.seconds else "" for n in columns]
        ratio = lead(result)
        yield _row([name, *times, "" if ratio is None else f"{ratio:.1f} ×"])


def _disturbed(results: Results) -> Iterator[str]:
    """Median and 95th percentile under each condition, as multiples of the contestant's quiet median."""
    for result in results.all:
        quiet = results.find(result.case)
        if quiet is None or (result is quiet and not result.case.disturbed):
            continue
        if result is quiet:
            yield from ["", f"## {result.case.loss} {result.case.size}, disturbed", ""]
            yield "Median, 95th percentile, and both as multiples of the quiet median."
            yield ""
            yield from _head(["", *result.seconds])
        cells = []
        for name in quiet.seconds:
            base, median, late = quiet.median(name), result.median(name), result.late(name)
            cells.append(f"{duration(median)}, {duration(late)} ({median / base:.1f}, {late / base:.1f})")
        yield _row([result.condition, *cells])


def _cliffs(results: Results) -> Iterator[str]:
    if results.cliffs:
        yield from ["", "## Awkward calls", ""]
        yield "Powers of two: the slowest of the size and its neighbours over the quickest, by element."
        yield "Offsets, in elements from the beginning of a page: over offset 0. Strides: over a copy by"
        yield "NumPy and a call on the copy. Threads: over the best of fewer."
        yield ""
        yield from _head(["", "times as long"])
        for name, ratio in results.cliffs.items():
            yield _row([name, f"{ratio:.2f}"])


def _marks(results: Results) -> Iterator[str]:
    yield from _head(["", "mark", "measured", ""])
    for mark in MARKS:
        yield _row([mark.text, f"{'≤' if mark.at_most else '≥'} {mark.bound:g}", *_measured(mark, results)])


def _measured(mark: Mark, results: Results) -> tuple[str, str]:
    figures = mark.measured(results)
    if not figures:
        return "not measured", ""
    beyond = sorted((f for f in figures if not mark.met(f[1])), key=lambda f: f[1], reverse=mark.at_most)
    worst = (max if mark.at_most else min)(value for _, value in figures)
    if len(figures) == 1 or not beyond:
        return f"{worst:.2f}", "**not met**" if beyond else "met"
    listed = ", ".join(f"{name} {value:.2f}" for name, value in beyond)
    return f"{len(figures) - len(beyond)} of {len(figures)}", f"**not met**: {listed}"


def as_json(machine: Mapping[str, str], missing: Mapping[str, str], results: Results) -> dict[str, Any]:
    """Everything, in seconds per call."""
    return {
        "machine": dict(machine),
        "missing": dict(missing),
        "cliffs": results.cliffs,
        "results": [_as_json(result) for result in results.all],
        "marks": [
            {
                "mark": mark.text,
                "bound": mark.bound,
                "at_most": mark.at_most,
                "measured": dict(mark.measured(results)),
            }
            for mark in MARKS
        ],
    }


def _as_json(result: Result) -> dict[str, Any]:
    best = fastest(result)
    return {
        "loss": result.case.loss,
        "shape": list(result.case.shape),
        "output": result.case.output,
        "dtype": result.case.dtype,
        "condition": result.condition,
        "fastest_framework": None if best is None else best[0],
        "contestants": {
            name: {
                "median": result.median(name),
                "late": result.late(name),
                "least": min(seconds),
                "samples": len(seconds),
                "ratio": result.median(name) / result.median(OURS),
            }
            for name, seconds in result.seconds.items()
        },
        "without": dict(result.without),
    }
