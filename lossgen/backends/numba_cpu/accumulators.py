"""The state of an accumulator in generated code: its variables, where it starts, and how two states join."""

from __future__ import annotations

from dataclasses import dataclass

from lossgen.lower import ir

_SMALLEST_INT = "-(2**63) + 1"
_LARGEST_INT = "2**63 - 1"
# Variables of a state, by operation and type: what is added to the accumulator's name.
_ENDINGS = {
    "sum float": ("", "_lost"),
    "norm float": ("_big", "", "_lost", "_small"),
    **dict.fromkeys(("argmax float", "argmax int", "argmin float", "argmin int"), ("", "_at")),
}
_EXTREMES = {"max": "maximum", "min": "minimum", "argmax": "larger", "argmin": "smaller"}


@dataclass(frozen=True)
class State:
    """One accumulator: its variables, where they start, their types, and the helpers that join two states."""

    names: tuple[str, ...]
    start: tuple[str, ...]
    types: tuple[ir.Type, ...]
    helpers: tuple[str, ...]
    accumulator: ir.Accumulator

    @property
    def narrow(self) -> tuple[bool, ...]:
        """Which variables have the type of the arguments; others are float64, or integers."""
        own = self.accumulator.op in _EXTREMES and self.accumulator.type == "float"
        return tuple(own and kind == "float" for kind in self.types)

    def joined(self, one: tuple[str, ...], two: tuple[str, ...]) -> str:
        """Return the text of the state of two blocks, that of the first one first."""
        op = self.accumulator.op
        if op in _EXTREMES:
            return f"_{_EXTREMES[op]}({', '.join((*one, *two))})"
        if self.helpers and op == "sum":
            return f"_merge_sums({', '.join((*one, *two))})"
        if op == "norm":
            middle = f"*_merge_sums({one[1]}, {one[2]}, {two[1]}, {two[2]})"
            return f"({one[0]} + {two[0]}, {middle}, {one[3]} + {two[3]})"
        return f"{one[0]} + {two[0]}"


def state(accumulator: ir.Accumulator) -> State:
    """Return how an accumulator is kept."""
    op, kind = accumulator.op, accumulator.type
    names = tuple(accumulator.name + ending for ending in _ENDINGS.get(f"{op} {kind}", ("",)))
    types: tuple[ir.Type, ...] = (kind,) * len(names)
    start: tuple[str, ...] = (("0" if op == "sum" and kind == "int" else "0.0"),) * len(names)
    helpers: tuple[str, ...] = ()
    if op in _EXTREMES:
        start, helpers = (_extreme(op.endswith("max"), kind),), (_EXTREMES[op],)
        if op.startswith("arg"):
            start, types = (*start, "0"), (kind, "int")
    elif op == "norm" or (op, kind) == ("sum", "float"):
        helpers = ("merge_sums",)
    return State(names, start, types, helpers, accumulator)


def _extreme(largest: bool, kind: ir.Type) -> str:
    if kind == "int":
        return _SMALLEST_INT if largest else _LARGEST_INT
    return f"real({'-' if largest else ''}math.inf)"
