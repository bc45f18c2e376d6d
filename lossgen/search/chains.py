"""Products and sums of several parts: any two of them may be taken together first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from lossgen.search.rules import alternatives
from lossgen.search.trees import Forest

__all__ = ["pairings"]

# Two operations of one kind of chain: one joins parts, the other one undoes that.
_KINDS = (("mul", "div"), ("add", "sub"))
# Longer chains have too many pairs.
_LONGEST = 9

# A part, and whether it is divided by or subtracted.
Part = tuple[int, bool]


def pairings(forest: Forest, number: int) -> Iterator[int]:
    """Yield what a product or sum is with two of its parts joined first, plainly or by a rule."""
    for join, undo in _KINDS:
        if forest.nodes[number].name not in (join, undo):
            continue
        parts = _parts(forest, number, join, undo)
        if not 2 < len(parts) <= _LONGEST:
            return
        for one, two in combinations(range(len(parts)), 2):
            rest = [part for k, part in enumerate(parts) if k not in (one, two)]
            pair, inverse = _joined(forest, join, undo, parts[one], parts[two])
            for made in (pair, *alternatives(forest, pair)):
                if (whole := _chain(forest, join, undo, [*rest, (made, inverse)])) is not None:
                    yield whole


def _parts(forest: Forest, number: int, join: str, undo: str, inverse: bool = False) -> list[Part]:
    node = forest.nodes[number]
    if node.name == join:
        return [part for arg in node.args for part in _parts(forest, arg, join, undo, inverse)]
    if node.name == undo:
        first, second = node.args
        return [
            *_parts(forest, first, join, undo, inverse),
            *_parts(forest, second, join, undo, not inverse),
        ]
    return [(number, inverse)]


def _joined(forest: Forest, join: str, undo: str, one: Part, two: Part) -> Part:
    """Return two parts as one."""
    if one[1] == two[1]:
        return forest.op(join, one[0], two[0]), one[1]
    upper, lower = (two, one) if one[1] else (one, two)
    return forest.op(undo, upper[0], lower[0]), False


def _chain(forest: Forest, join: str, undo: str, parts: list[Part]) -> int | None:
    """Return parts joined from the left, those that are undone last; None where nothing else is there."""
    upper = [part for part, inverse in parts if not inverse]
    if not upper:
        return None
    whole = upper[0]
    for part in upper[1:]:
        whole = forest.op(join, whole, part)
    for part in (part for part, inverse in parts if inverse):
        whole = forest.op(undo, whole, part)
    return whole
