"""The command line: `lossgen build`, `lossgen list`, `lossgen verify`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from lossgen.console import Console, Progress
from lossgen.errors import LossError
from lossgen.paths import generated_folder
from lossgen.runtime.package import LossPackage
from lossgen.version import __version__

__all__ = ["main"]

_EPILOG = """\
examples:
  lossgen build                          regenerate generated/ from specs/
  lossgen build --check                  exit 1 when generated/ is not what specs/ gives
  lossgen build my_specs/ --out losses   your own losses, as a package that needs NumPy and Numba only
  lossgen verify huber                   measure one loss against the exact expression, here
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code (0 done, 1 failed, 2 wrong usage)."""
    arguments = _parser().parse_args(argv)
    console = Console()
    try:
        code: int = arguments.run(arguments, console)
        sys.stdout.flush()
    except LossError as error:
        console.error(str(error))
        return 1
    except NotImplementedError as error:
        # A legal declaration that asks for more than the generator can do: the limit is ours, not a crash.
        console.error(f"the generator cannot do this: {error}")
        return 1
    except KeyboardInterrupt:
        console.error("interrupted; nothing was changed")
        return 130
    except BrokenPipeError:
        # The reader (`head`, a pager) has left: Python must not complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lossgen",
        description="Generate kernels for losses from their exact mathematics.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"lossgen {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    build = commands.add_parser("build", help="generate kernels, stubs and the manifest from specs")
    build.add_argument("specs", nargs="?", type=Path, metavar="SPECS", help="a spec file or a folder of them")
    build.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: generated/)")
    build.add_argument("--target", type=_names, metavar="BACKEND,…", help="only these (default: all)")
    build.add_argument("--check", action="store_true", help="write nothing; exit 1 if not current")
    build.add_argument("--jobs", type=_positive, metavar="N", help="processes (default: one per core)")
    build.set_defaults(run=_build)

    listing = commands.add_parser("list", help="list the generated losses")
    listing.set_defaults(run=_list)

    verify = commands.add_parser("verify", help="measure kernels against the exact expression")
    verify.add_argument("names", nargs="*", metavar="NAME", help="losses (default: all)")
    verify.set_defaults(run=_verify)
    return parser


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise argparse.ArgumentTypeError("name at least one backend, separated by commas")
    return names


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return number


def build_side(module: str) -> ModuleType:
    """Import a module that needs SymPy: deferred, so that `lossgen list` works without it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "lossgen":
            raise
        raise LossError(
            f"this command needs {error.name}, which is not installed: pip install 'lossgen[build]'"
        ) from error


def _build(arguments: argparse.Namespace, console: Console) -> int:
    pipeline = build_side("lossgen.pipeline")
    with Progress(console) as progress:
        report = pipeline.build(
            arguments.specs, arguments.out, arguments.target, arguments.check, arguments.jobs, progress
        )
    console.table(
        ("loss", "structure", "variants", "kernels", "lines", "status"),
        [(row.name, row.structure, row.variants, row.kernels, row.lines, row.status) for row in report.rows],
    )
    for path in report.stale:
        console.error(f"not current: {_shown(path)}")
    for path in report.orphans:
        said = "nothing generates it" if arguments.check else "deleted, nothing generates it"
        console.error(f"orphan: {_shown(path)} ({said})")
    where = _shown(report.out)
    if arguments.check:
        current = not report.stale and not report.orphans
        console.line(f"{where} is current" if current else f"{where} is not current: run `lossgen build`")
        return 0 if current else 1
    done = f"{len(report.written)} files written" if report.written else "nothing to do"
    console.line(f"{len(report.rows)} losses in {where}: {done} ({report.seconds:.1f} s)")
    return 0


def _list(arguments: argparse.Namespace, console: Console) -> int:
    losses = LossPackage("lossgen.losses", generated_folder()).manifest["losses"]
    console.table(
        ("loss", "family", "structure", "variants", "summary"),
        [
            (name, loss["family"], loss["structure"], len(loss["variants"]), loss["summary"])
            for name, loss in sorted(losses.items())
        ],
    )
    return 0


def _verify(arguments: argparse.Namespace, console: Console) -> int:
    rows = build_side("lossgen.oracle.verify").verify(tuple(arguments.names))
    console.table(
        ("loss", "variant", "output", "dtype", "points", "worst ulp", "failed", "uncertified"),
        [
            (
                row.loss,
                row.variant,
                row.output,
                row.dtype,
                row.points,
                f"{row.worst_ulp:.2f}",
                row.failed,
                row.uncertified,
            )
            for row in rows
        ],
    )
    failed = [row for row in rows if row.failed]
    for row in failed:
        measured = " ".join(filter(None, (row.loss, row.variant, row.output, row.dtype)))
        console.error(f"{measured}: {row.worst_point}")
    console.line(f"{len(rows)} outputs measured, {len(failed)} with failing points")
    return 1 if failed else 0


def _shown(path: Path) -> str:
    """Shorten a path for people: relative to the current folder where it lies inside."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    sys.exit(main())
