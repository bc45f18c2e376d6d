"""Where accumulators of a driver stand: at their start, in the state of a loop, or in own variables."""

from __future__ import annotations

from collections.abc import Iterable

from lossgen.backends.numba_cpu.accumulators import State, state
from lossgen.lower import ir


class Standing:
    """Follows the accumulators outside of loops through a driver.

    ``states`` holds the accumulators of each loop's state, by the name of the state.
    """

    def __init__(self) -> None:
        self.states: dict[str, tuple[State, ...]] = {}
        self._opened: dict[str, State] = {}
        self._where: dict[str, tuple[str, ...]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._opened

    def open(self, statement: ir.Accumulator) -> State:
        """Take in an accumulator, at its start."""
        opened = self._opened[statement.name] = state(statement)
        self._where[statement.name] = opened.start
        return opened

    def of(self, names: Iterable[str]) -> tuple[State, ...]:
        """Return accumulators by name."""
        return tuple(self._opened[name] for name in names)

    def texts(self, own: tuple[State, ...]) -> tuple[str, ...]:
        """Return the texts of all variables of some accumulators, where they stand now."""
        return tuple(text for one in own for text in self._where[one.accumulator.name])

    def settle(self, names: Iterable[str], indent: str) -> list[str]:
        """Return the lines after which accumulators stand in variables of their own."""
        lines = []
        for one in self.of(names):
            stands = self._where[one.accumulator.name]
            if stands != one.names:
                lines.append(f"{indent}{', '.join(one.names)} = {', '.join(stands)}")
                self._where[one.accumulator.name] = one.names
        return lines

    def next_state(self) -> str:
        """Return the name of the state of the next loop."""
        return f"state{len(self.states) + 1}" if self.states else "state"

    def hold(self, own: tuple[State, ...]) -> None:
        """Let accumulators stand in a new state."""
        name = self.next_state()
        self.states[name] = own
        offset = 0
        for one in own:
            self._where[one.accumulator.name] = tuple(f"{name}[{offset + k}]" for k in range(len(one.names)))
            offset += len(one.names)

    def holders(self, names: Iterable[str]) -> tuple[list[str], list[str]]:
        """Return the states in which accumulators stand, and the accumulators that stand in none."""
        held: dict[str, None] = {}
        loose: list[str] = []
        for name in names:
            holder = self._where[name][0].partition("[")[0]
            if holder in self.states:
                held.setdefault(holder)
            else:
                loose.append(name)
        return list(held), loose
