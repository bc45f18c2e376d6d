"""Curves drawn with characters: braille dots where the output takes them, stars where it does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["draw", "side_by_side"]

# Bit of each dot of a braille character, by column and row.
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
# Columns between two plots.
_GAP = 3


def draw(
    title: str, x: Sequence[float], y: Sequence[float], width: int, height: int, braille: bool = True
) -> list[str]:
    """Return the lines of a plot: a title, the curve with the range of y at its left, the range of x below.

    Parameters
    ----------
    title : str
        Stands above.
    x, y : sequence of float
        The points; those that are not finite are left out.
    width, height : int
        Characters of the curve's field.
    braille : bool
        Whether to draw two by four dots in each character instead of one.
    """
    points = [(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
    if not points:
        return [title, "no finite values"]
    low, high = min(b for _, b in points), max(b for _, b in points)
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        low, high = low - 1, high + 1
    columns, rows = (2 * width, 4 * height) if braille else (width, height)
    dots = set(_dots(points, (x[0], x[-1]), (low, high), columns, rows))
    field = _braille(dots, width, height) if braille else _stars(dots, width, height)
    labels = [""] * height
    labels[0], labels[-1] = _number(high), _number(low)
    margin = max(map(len, labels))
    bar = "│" if braille else "|"
    lines = [f"{label:>{margin}} {bar}{row}" for label, row in zip(labels, field, strict=True)]
    left, right = _number(x[0]), _number(x[-1])
    below = " " * (margin + 2) + left + right.rjust(width - len(left))
    return [" " * (margin + 2) + title, *lines, below]


def side_by_side(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """Put two blocks of lines beside each other."""
    width = max(map(len, left)) + _GAP
    rows = max(len(left), len(right))
    padded = [[*block, *[""] * (rows - len(block))] for block in (left, right)]
    return [f"{a:<{width}}{b}".rstrip() for a, b in zip(*padded, strict=True)]


def _dots(
    points: Sequence[tuple[float, float]],
    across: tuple[float, float],
    up: tuple[float, float],
    columns: int,
    rows: int,
) -> list[tuple[int, int]]:
    """Dots of the curve, steep parts filled so that it does not fall apart."""

    def place(value: float, ends: tuple[float, float], count: int) -> int:
        return round((value - ends[0]) / (ends[1] - ends[0]) * (count - 1))

    at = [(place(a, across, columns), rows - 1 - place(b, up, rows)) for a, b in points]
    found = [at[0]]
    for (column, row), (next_column, next_row) in pairwise(at):
        steps = max(abs(next_column - column), abs(next_row - row), 1)
        found += [
            (
                column + round((next_column - column) * k / steps),
                row + round((next_row - row) * k / steps),
            )
            for k in range(1, steps + 1)
        ]
    return found


def _braille(dots: set[tuple[int, int]], width: int, height: int) -> list[str]:
    cells = [[0] * width for _ in range(height)]
    for column, row in dots:
        cells[row // 4][column // 2] |= _BITS[column % 2][row % 4]
    return ["".join(chr(0x2800 + bits) if bits else " " for bits in row).rstrip() for row in cells]


def _stars(dots: set[tuple[int, int]], width: int, height: int) -> list[str]:
    return ["".join("*" if (k, row) in dots else " " for k in range(width)).rstrip() for row in range(height)]


def _number(value: float) -> str:
    text = f"{value:.3g}"
    return "0" if text == "-0" else text
