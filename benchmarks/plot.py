"""Two pictures of the results in one SVG: time by size, and the lead over the fastest framework by loss."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from html import escape

from benchmarks.cases import BINARY, GRADIENT
from benchmarks.contestants import FLOOR, FRAMEWORKS, FRESH, OURS
from benchmarks.inputs import STANDARD, sort_of
from benchmarks.marks import Results, lead
from benchmarks.timing import Result

_COLOURS = {
    OURS: "#1f6feb",
    FRESH: "#79b8ff",
    FLOOR: "#8c8c8c",
    **dict(zip(FRAMEWORKS, ("#d1495b", "#e2761b", "#1fa37a", "#8e5bd1", "#b8860b"), strict=True)),
}
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 460, 420, 60, 370, 40
_BAR_LEFT, _BAR_RIGHT = 740, 1080


def picture(results: Results) -> str:
    """Return the SVG, on white."""
    gradients = [
        r for r in results.all if (r.case.output, r.case.dtype, r.condition) == (GRADIENT, "float32", "quiet")
    ]
    inside = _lines([r for r in gradients if r.case.loss == BINARY]) + _bars(gradients)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1100 {_HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="12" aria-label="Time by size, and lead by loss">'
        f'<rect width="1100" height="{_HEIGHT}" fill="white"/>{inside}</svg>\n'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = "black") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _segment(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" stroke="#d0d0d0" fill="none"/>'


def _lines(series: Sequence[Result]) -> str:
    """Nanoseconds for each element by size, both logarithmic."""
    if len(series) < 2:
        return ""
    sizes = [math.prod(r.case.shape) for r in series]
    names = [name for name in _COLOURS if all(name in r.seconds for r in series)]
    paces = {
        name: [1e9 * r.median(name) / size for r, size in zip(series, sizes, strict=True)] for name in names
    }
    every = [pace for some in paces.values() for pace in some]
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
    first, last = math.log(sizes[0]), math.log(sizes[-1])

    def across(size: float) -> float:
        return _LEFT + (math.log(size) - first) / (last - first) * (_WIDTH - _LEFT)

    def up(pace: float) -> float:
        return _BOTTOM - (math.log10(pace) - low) / max(high - low, 1) * (_BOTTOM - _TOP)

    drawn = [_text(_LEFT, 20, f"{BINARY}, value and gradient: ns for each element")]
    for power in range(low, high + 1):
        y = up(10.0**power)
        drawn += [_segment(_LEFT, y, _WIDTH, y), _text(_LEFT - 6, y + 4, f"{10.0**power:g}", "end")]
    drawn += [
        _text(across(n), _BOTTOM + 18, r.case.size, "middle") for n, r in zip(sizes, series, strict=True)
    ]
    ends = _apart([up(paces[name][-1]) for name in names])
    for name, end in zip(names, ends, strict=True):
        points = "L".join(f"{across(n):.1f} {up(p):.1f}" for n, p in zip(sizes, paces[name], strict=True))
        drawn.append(f'<path d="M{points}" stroke="{_COLOURS[name]}" stroke-width="2" fill="none"/>')
        drawn.append(_text(_WIDTH + 6, end + 4, name, colour=_COLOURS[name]))
    return "".join(drawn)


def _apart(heights: Sequence[float], least: float = 14) -> list[float]:
    """Move labels down where they would cover each other."""
    moved = list(heights)
    order = sorted(range(len(moved)), key=lambda k: moved[k])
    for above, below in itertools.pairwise(order):
        moved[below] = max(moved[below], moved[above] + least)
    return moved


def _bars(gradients: Sequence[Result]) -> str:
    """The lead of each loss at the largest but one of the standard shapes."""
    chosen = [
        (r.case, ratio)
        for r in gradients
        if r.case.shape == STANDARD[sort_of(r.case.entry)][-2] and (ratio := lead(r)) is not None
    ]
    if not chosen:
        return ""
    most = max(ratio for _, ratio in chosen)
    unit = (_BAR_RIGHT - _BAR_LEFT) / most
    step = min(22, (_BOTTOM - _TOP) / len(chosen))
    drawn = [_text(_BAR_LEFT - 60, 20, "fastest framework ÷ lossgen, value and gradient")]
    for k, (case, ratio) in enumerate(chosen):
        y = _TOP + k * step
        drawn.append(_text(_BAR_LEFT - 6, y + step * 0.65, f"{case.loss} {case.size}", "end"))
        drawn.append(
            f'<rect x="{_BAR_LEFT}" y="{y:.1f}" width="{ratio * unit:.1f}" height="{step * 0.8:.1f}" '
            f'fill="{_COLOURS[OURS]}"/>'
        )
        inside = ratio > 0.8 * most
        x, anchor, colour = (-4, "end", "white") if inside else (4, "start", "black")
        drawn.append(_text(_BAR_LEFT + ratio * unit + x, y + step * 0.65, f"{ratio:.1f}", anchor, colour))
    one = _BAR_LEFT + unit
    drawn.append(_segment(one, _TOP - 4, one, _TOP + len(chosen) * step))
    return "".join(drawn)
