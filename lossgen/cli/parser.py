"""The argument parser, made from the table of commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from lossgen.cli.codes import Code
from lossgen.cli.command import Command
from lossgen.version import __version__

__all__ = ["parser"]

_ABOUT = """\
Loss functions declared once as exact mathematics, generated as fast and accurate kernels.

A first tour:
  lossgen list                      what there is
  lossgen show huber                one loss: formula, gradient, parameters, a plot
  lossgen new my_loss               a declaration of your own, to be edited
  lossgen build my_loss.py --out my_losses
                                    its kernels, as a package that needs NumPy and Numba only
  lossgen verify my_loss.py         measured against the exact expression
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Text as it is written here, and room for the names of options beside what they do."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


def parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="lossgen",
        description=_ABOUT,
        epilog=_codes() + "\n`lossgen COMMAND --help` explains a command and shows examples.",
        formatter_class=_Help,
    )
    top.add_argument("--version", action="version", version=f"lossgen {__version__}")
    below = top.add_subparsers(dest="command", required=True, metavar="COMMAND [--help]", title="commands")
    for command in commands:
        one = below.add_parser(
            command.name,
            help=command.summary,
            description=_sentence(command.summary) + (f"\n\n{command.about}" if command.about else ""),
            epilog=_examples(command),
            formatter_class=_Help,
        )
        for argument in command.arguments:
            one.add_argument(argument.name, help=argument.help, **argument.options)
        one.set_defaults(run=command.run)
    return top


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _codes() -> str:
    lines = [f"  {code.value:>3}  {code.meaning}" for code in Code]
    return "exit codes:\n" + "\n".join(lines) + "\n"


def _examples(command: Command) -> str:
    width = max((len(typed) for typed, _ in command.examples), default=0)
    lines = [f"  {typed:<{width}}   {done}" for typed, done in command.examples]
    return "examples:\n" + "\n".join(lines) if lines else ""
