"""Declarations made for a trial, and what a build makes of them."""

from pathlib import Path

from lossgen.pipeline import build

HEAD = "from lossgen.spec import Pred, Target, loss\n"
LOSS = '''

@loss(family="trial")
def {name}(x: Pred, y: Target):
    """A power."""
    return {factor} * (x - y)**{power}
'''


def declare(folder: Path, factor: int = 1) -> Path:
    """Two files, the first with two losses; the second imports from others, which declare none."""
    folder.mkdir(parents=True, exist_ok=True)
    both = (LOSS.format(name=name, factor=factor, power=power) for name, power in (("one", 2), ("two", 4)))
    (folder / "first.py").write_text(HEAD + "".join(both))
    (folder / "second.py").write_text(
        f"from _powers import POWER\n{HEAD}{LOSS.format(name='three', factor=factor, power='POWER')}"
    )
    (folder / "_powers.py").write_text("from deeper import POWER\n")
    (folder / "deeper").mkdir(exist_ok=True)
    (folder / "deeper" / "__init__.py").write_text("POWER = 6\n")
    return folder


def texts(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): path.read_text()
        for path in sorted(out.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def made(specs: Path, out: Path, **options: object) -> list[str]:
    """Build in this process; return the names of the losses that were made."""
    names: list[str] = []
    build(specs, out, jobs=1, progress=lambda name, done, total: names.append(name), **options)
    return sorted(names)
