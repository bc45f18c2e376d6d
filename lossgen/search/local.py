"""Looks for a better form of one tree: a beam of trees, each step one rule at one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

from lossgen.lower import ir
from lossgen.search.chains import pairings
from lossgen.search.points import Output, Points, Score
from lossgen.search.rules import alternatives
from lossgen.search.trees import Forest, Node

__all__ = ["Found", "best", "both", "order", "scored"]

# Trees that are kept from one step to the next, steps, and trees that are looked at in all.
BEAM = 6
STEPS = 5
MOST = 600
# Trees with more parts are left as they are.
LARGEST = 150


@dataclass(frozen=True)
class Found:
    """A tree and how good it is."""

    score: Score
    tree: int


def scored(forest: Forest, points: Points, output: Output, tree: int) -> Found:
    """Return a tree with its score."""
    return Found(points.score(output, forest.values(tree), forest.cost(tree)), tree)


def best(forest: Forest, points: Points, output: Output, trees: Iterable[int]) -> list[Found]:
    """Return the best trees that rules make of the given ones, those among them, best first."""
    beam = sorted((scored(forest, points, output, tree) for tree in dict.fromkeys(trees)), key=order)
    seen = {found.tree for found in beam}
    pool = list(beam)
    for _ in range(STEPS):
        if not pool[0].score.failed or len(seen) > MOST:
            break
        fresh: list[Found] = []
        for found in beam[:BEAM]:
            if len(forest.below(found.tree)) > LARGEST:
                continue
            for tree in _neighbours(forest, found.tree):
                if tree not in seen and len(seen) <= MOST:
                    seen.add(tree)
                    fresh.append(scored(forest, points, output, tree))
        if not fresh:
            break
        beam = sorted(fresh, key=order)[:BEAM]
        pool = sorted([*pool, *beam], key=order)[: 2 * BEAM]
    return pool


def both(forest: Forest, points: Points, output: Output, found: Sequence[Found]) -> list[Found]:
    """Return trees that take one form where it is a number other than 0, and another one elsewhere."""
    pairs = permutations([one.tree for one in found[:BEAM]], 2)
    made = [scored(forest, points, output, _either(forest, first, second)) for first, second in pairs]
    return sorted(made, key=order)


def order(found: Found) -> tuple[Score, int]:
    """Sort better trees first."""
    return found.score, found.tree


def _neighbours(forest: Forest, tree: int) -> Iterable[int]:
    for number in forest.below(tree):
        for new in (*alternatives(forest, number), *pairings(forest, number)):
            yield forest.replaced(tree, number, new)


def _either(forest: Forest, first: int, second: int) -> int:
    infinite = forest.node(Node("const", (), "float", ir.Const(float("inf"), "float")))
    number = forest.node(Node("lt", (forest.op("abs", first), infinite), "bool"))
    other = forest.node(Node("ne", (first, forest.constant(0)), "bool"))
    return forest.op("select", forest.node(Node("and", (number, other), "bool")), first, second)
