"""Small plots as inline SVG, for light and dark pages: text and axes take the colour of the page's text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

__all__ = ["COLOURS", "panel", "side_by_side"]

_WIDTH, _HEIGHT = 230, 170
# Of the field inside a panel.
_LEFT, _TOP, _RIGHT, _BOTTOM = 46, 22, 8, 34
# Told apart on white and on black.
COLOURS = ("#3b82f6", "#e2761b", "#1fa37a")


def panel(title: str, along: str, x: Sequence[float], y: Sequence[float], colour: str) -> str:
    """Return one curve in its axes, as a group of SVG elements; points that are not finite interrupt it.

    Parameters
    ----------
    title : str
        What is drawn.
    along : str
        What lies along the axis below.
    x, y : sequence of float
        The points.
    colour : str
        Of the curve.
    """
    finite = [b for b in y if math.isfinite(b)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        low, high = low - 1, high + 1
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT

    def across(value: float) -> float:
        return _LEFT + (value - x[0]) / (x[-1] - x[0]) * (right - _LEFT)

    def up(value: float) -> float:
        return bottom - (value / 2 - low / 2) / (high / 2 - low / 2) * (bottom - _TOP)

    path, pen = "", "M"
    for a, b in zip(x, y, strict=True):
        if math.isfinite(b):
            path += f"{pen}{across(a):.1f} {up(b):.1f}"
            pen = "L"
        else:
            pen = "M"
    zero = ""
    if low < 0 < high:
        zero = f'<path d="M{_LEFT} {up(0):.1f}H{right}" stroke="currentColor" opacity=".3" fill="none"/>'
    return (
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" stroke="currentColor" opacity=".6" fill="none"/>{zero}'
        f'<path d="{path}" stroke="{colour}" stroke-width="2" stroke-linejoin="round" fill="none"/>'
        + _text(title, (_LEFT + right) / 2, 13, "middle")
        + _text(along, (_LEFT + right) / 2, _HEIGHT - 5, "middle")
        + _text(_number(high), _LEFT - 4, _TOP + 8, "end")
        + _text(_number(low), _LEFT - 4, bottom, "end")
        + _text(_number(x[0]), _LEFT, bottom + 13, "start")
        + _text(_number(x[-1]), right, bottom + 13, "end")
    )


def side_by_side(panels: Sequence[str], label: str) -> str:
    """Return panels in one picture; `label` says what it shows to who cannot see it."""
    moved = "".join(f'<g transform="translate({k * _WIDTH} 0)">{one}</g>' for k, one in enumerate(panels))
    width = _WIDTH * len(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}" width="{width}" '
        f'height="{_HEIGHT}" viewBox="0 0 {width} {_HEIGHT}" style="max-width:100%;height:auto">{moved}</svg>'
    )


def _text(text: str, x: float, y: float, anchor: str) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="11" font-family="sans-serif" '
        f'fill="currentColor">{escape(text)}</text>'
    )


def _number(value: float) -> str:
    text = f"{value:.3g}"
    return "0" if text == "-0" else text
