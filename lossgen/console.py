"""What commands print: tables and progress on a terminal, plain text in a pipe or without `rich`."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType, TracebackType
from typing import Any, TextIO

__all__ = ["Console", "Progress"]


def rich(module: str) -> ModuleType | None:
    """Return a module of `rich`, or None without it: 60 ms, and installed with the build extra only."""
    try:
        return importlib.import_module(f"rich.{module}")
    except ImportError:
        return None


class Console:
    """Standard output for results, standard error for complaints and progress."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.out = out if out is not None else sys.stdout
        self.err = err if err is not None else sys.stderr

    @property
    def width(self) -> int:
        """Columns of the terminal; 80 in a pipe."""
        return shutil.get_terminal_size((80, 24)).columns if self.out.isatty() else 80

    @property
    def colour(self) -> bool:
        """Whether results may be coloured: on a terminal, unless NO_COLOR is set or it is a dumb one."""
        return self.out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def line(self, text: str = "") -> None:
        """Print one line of the result."""
        print(text, file=self.out)

    def title(self, text: str) -> None:
        """Print the title of a section."""
        self.line(f"\x1b[1m{text}\x1b[0m" if self.colour else text)

    def json(self, content: Any) -> None:
        """Print the result for a program."""
        self.line(json.dumps(content, indent=1, ensure_ascii=False))

    def error(self, text: str) -> None:
        """Print a complaint."""
        print(f"lossgen: {text}", file=self.err)

    def code(self, text: str) -> None:
        """Print Python code, coloured on a terminal."""
        if self.colour and (syntax := rich("syntax")) and (console := rich("console")):
            shown = syntax.Syntax(text, "python", theme="ansi_dark", background_color="default")
            console.Console(file=self.out).print(shown)
        else:
            self.line(text)

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]], clip: bool = False) -> None:
        """Print a table; nothing if there are no rows. With `clip` a terminal gets one line for each row."""
        cells = [[str(cell) for cell in row] for row in rows]
        if not cells:
            return
        numeric = [all(_is_number(row[k]) for row in cells) for k in range(len(header))]
        if self.out.isatty() and (console := rich("console")) and (tables := rich("table")):
            table = tables.Table(box=None, pad_edge=False, header_style="bold")
            for name, right in zip(header, numeric, strict=True):
                table.add_column(name, justify="right" if right else "left", overflow="fold")
            for row in _clipped(header, cells, self.width) if clip else cells:
                table.add_row(*row, style="red" if _BAD & set(row) else None)
            console.Console(file=self.out, markup=False, highlight=False).print(table)
            return
        widths = [max(len(row[k]) for row in [list(header), *cells]) for k in range(len(header))]
        for row in [list(header), *cells]:
            padded = [
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, numeric, strict=True)
            ]
            self.line("  ".join(padded).rstrip())


_BAD = {"failed", "missing", "not current"}


class Progress:
    """Which loss has been built: a bar on a terminal, a line for each in a pipe; on standard error."""

    def __init__(self, console: Console) -> None:
        self.stream = console.err
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        bars, console = (rich("progress"), rich("console")) if self.stream.isatty() else (None, None)
        if bars is not None and console is not None:
            self._bar = bars.Progress(
                bars.BarColumn(30),
                bars.MofNCompleteColumn(),
                bars.TimeElapsedColumn(),
                bars.TextColumn("{task.description}"),
                console=console.Console(file=self.stream),
                transient=True,
            )
            self._bar.start()
        return self

    def __call__(self, name: str, done: int, total: int) -> None:
        """Report that `done` of `total` steps are over, the last of them `name`."""
        if self._bar is None:
            print(f"[{done}/{total}] {name}", file=self.stream, flush=True)
            return
        if self._task is None:
            self._task = self._bar.add_task("", total=total)
        self._bar.update(self._task, completed=done, total=total, description=name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _clipped(header: Sequence[str], rows: list[list[str]], width: int) -> list[list[str]]:
    """Shorten the last cell of each row so that the table fits a width."""
    taken = sum(2 + max(len(row[k]) for row in [list(header), *rows]) for k in range(len(header) - 1))
    room = max(width - taken, 12)
    return [
        [*row[:-1], row[-1] if len(row[-1]) <= room else row[-1][: room - 1].rstrip() + "…"] for row in rows
    ]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
