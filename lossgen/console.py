"""What commands print: tables and progress on a terminal, plain text in a pipe or without `rich`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TextIO

try:
    from rich.console import Console as RichConsole
    from rich.table import Table
except ImportError:  # `lossgen list` is on the user side and works without the build extra
    RichConsole = None  # type: ignore[assignment, misc]

__all__ = ["Console", "Progress"]


class Console:
    """Standard output for results, standard error for complaints and progress."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.out = out if out is not None else sys.stdout
        self.err = err if err is not None else sys.stderr

    def line(self, text: str) -> None:
        """Print one line of the result."""
        print(text, file=self.out)

    def error(self, text: str) -> None:
        """Print a complaint."""
        print(f"lossgen: {text}", file=self.err)

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table; nothing if there are no rows."""
        cells = [[str(cell) for cell in row] for row in rows]
        if not cells:
            return
        numeric = [all(_is_number(row[k]) for row in cells) for k in range(len(header))]
        if RichConsole is not None and self.out.isatty():
            table = Table(box=None, pad_edge=False, header_style="bold")
            for name, right in zip(header, numeric, strict=True):
                table.add_column(name, justify="right" if right else "left", overflow="fold")
            for row in cells:
                table.add_row(*row, style="red" if "failed" in row else None)
            RichConsole(file=self.out, markup=False, highlight=False).print(table)
            return
        widths = [max(len(row[k]) for row in [list(header), *cells]) for k in range(len(header))]
        for row in [list(header), *cells]:
            padded = [
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, numeric, strict=True)
            ]
            self.line("  ".join(padded).rstrip())


class Progress:
    """One line on the terminal that says which loss is being built; silent anywhere else."""

    def __init__(self, console: Console) -> None:
        self.stream = console.err
        self.shown = self.stream.isatty()

    def __enter__(self) -> Progress:
        return self

    def __call__(self, name: str, done: int, total: int) -> None:
        """Report that `done` of `total` steps are over and that `name` is next or just finished."""
        if self.shown:
            width = shutil.get_terminal_size().columns - 1
            bar = "━" * round(24 * done / max(total, 1))
            self.stream.write(f"\r\x1b[2K{f'{bar:<24} {done}/{total} {name}':.{width}}")
            self.stream.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.shown:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
