"""Mistakes of authors: told with file, line, loss and fix, whatever a file holds."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lossgen import cli
from lossgen.errors import LossError, SpecError
from lossgen.paths import specs_folder, templates_folder
from lossgen.pipeline import build
from lossgen.spec.registry import load

HEAD = 'from lossgen.spec import *\nC = axis("C")\n@loss(family="mine")\n'
F = 'def f(x: Pred):\n    """F."""\n    '
# Declaration after the head, the line that is at fault, a word of the fix.
MISTAKES = {
    "no return": (F + "x + 1", 3, "return"),
    "a list": (F + "return [x]", 3, "expression"),
    "a text, which is not run": (F + 'return "exit(7)"', 3, "expression"),
    "a condition": (F + "return x > 0", 3, "expression"),
    "an unknown name": (F + "y = x\n    return expo(y)", 7, "formula"),
    "if on a number": (F + "if x > 0:\n        return x\n    return 0", 6, "where"),
    "no prediction": (F.replace("Pred", "Target") + "return x", 3, "Pred"),
    "complex": (F + "return x * 1j", 3, "constants"),
    "division by 0": (F + "return x / 0", 3, "constants"),
    "a constant beyond every float": (F + "return x * exp(1e300)", 3, "constants"),
    "a constant below every float": (F + "return x * exp(-1e300)", 3, "constants"),
    "not a number": (F + 'return x + float("nan")', 3, "constants"),
    "an exit": (F + "raise SystemExit", 6, "exit"),
    "a default that is a text": (
        F.replace("Pred", 'Pred, a: Positive = "1"') + "return a",
        3,
        "greater than 0",
    ),
    "a default outside": (F.replace("Pred", "Pred, a: Unit = 2") + "return a", 3, "between 0 and 1"),
    "a default above": (F.replace("Pred", "Pred, a: Real.at_most(2) = 3") + "return a", 3, "at most 2"),
    "a default at the end": (F.replace("Pred", "Pred, a: Unit.below(1) = 1") + "return a", 3, "less than 1"),
    "a default that is no choice": (F.replace("Pred", "Pred, p: Choice(1, 2) = 3") + "return x", 3, "1, 2"),
    "a summary of two lines": (F.replace("F.", "F and\n    more.") + "return x", 3, "one line"),
    "a default of an array": (F.replace("Pred", "Pred = 1") + "return x", 3, "every call"),
    "a default that is None": (F.replace("Pred", "Pred, a: Positive = None") + "return a * x", 3, "Optional"),
    "no annotation": (F.replace("Pred", "Pred, a=1") + "return a * x", 3, "role"),
    "a class of no axis": (F.replace("Pred", "Pred[C], y: Class") + "return x[y]", 3, "Class[C]"),
    "any number of arguments": (F.replace("x:", "*x:") + "return x", 3, "every argument"),
    "a coroutine": ("async " + F + "return x", 3, "return"),
    "a generator": (F + "yield x", 3, "return"),
    "a hidden name": (F.replace("f(", "all(") + "return x", 3, "letter"),
    "an argument not read": (F.replace("Pred", "Pred, a: Positive = 1") + "return x**2", 3, "signature"),
    "a prediction not read": (F.replace("Pred", "Pred, y: Target") + "return y", 3, "signature"),
    "a function of NumPy": (F + "import numpy\n    return numpy.exp(x)", 7, "lossgen.spec"),
    "a function of math": (F + "import math\n    return math.exp(x)", 7, "lossgen.spec"),
    "a foreign function": (F + "import sympy\n    return sympy.zeta(x)", 3, "lossgen.spec"),
    "an array without positions": (F.replace("Pred", "Pred[C]") + "return x**2", 6, "Sum(x[c], c)"),
    "a sum of Python": (F.replace("Pred", "Pred[C]") + "return sum(x)", 6, "Sum(x[c], c)"),
    "a length of Python": (F.replace("Pred", "Pred[C]") + "return x[0] / len(x)", 6, "size(C)"),
    "a slice": (F.replace("Pred", "Pred[C]") + "return Sum(x[:], index(C))", 6, "slices"),
    "a caret": (F + "return x ^ 2", 6, "**"),
    "an optional number": (
        F.replace("Pred", "Pred, a: Optional[Unit] = None") + "return a * x",
        6,
        "is not None",
    ),
    "a sample in a sample": (F + "return sample(sample(x))", 6, "at the end"),
    "a condition as a number": (F + "return (x > 0) * x", 6, "where"),
    "a sum of conditions": (
        F.replace("Pred", "Pred[C]") + "i = index(C)\n    return Sum(x[i] > 0, i)",
        3,
        "functions",
    ),
    "a position shifted": (
        F.replace("Pred", "Pred[C]") + "i = index(C)\n    return Sum(x[i + 1] * x[i], i)",
        3,
        "where(",
    ),
    "a class shifted": (F.replace("Pred", "Pred[C], y: Class[C]") + "return x[y - 1]", 3, "where("),
    "a position doubled": (
        F.replace("Pred", "Pred[C]") + "i = index(C)\n    return Sum(x[2 * i], i)",
        3,
        "where(",
    ),
    "a position before the first": (F.replace("Pred", "Pred[C]") + "return x[-1]", 3, "size(C) - 1"),
    "a position after the last": (F.replace("Pred", "Pred[C]") + "return x[size(C)]", 3, "size(C) - 1"),
    "a name with a blank": (
        F.replace("Pred", "Pred[C]") + 'return define("a b", index(C), 1)[0] * x[0]',
        6,
        "letters",
    ),
    "a position that only a read asks about": (
        F.replace("Pred", "Pred[C]") + "i = index(C)\n    return Sum(where(x[i + 1] > 0, x[i], 0), i)",
        3,
        "where(",
    ),
    "real if what": (F.replace("Pred", 'Pred.unit.real_if("logits")') + "return x", 3, "logits: Flag"),
    "two axes of a name": (
        F.replace("Pred", "Pred[C], y: Target[axis('C', dims='0')]") + "return x[0] * y[0]",
        3,
        "another name",
    ),
    "dimensions": (F.replace("Pred", "Pred[axis('D', dims='q')]") + "return x[0]", 4, "correct the file"),
    "declared twice": (F + 'return x\n@loss(family="mine")\n' + F + "return x**2", 8, "rename"),
    "syntax": (F.replace(":\n", "\n", 1) + "return x", 4, "syntax"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told(mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, line, fix = MISTAKES[mistake]
    file = tmp_path / "mine.py"
    file.write_text(HEAD + text + "\n")
    assert cli.main(["build", str(file), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"lossgen: {file}:{line}: ")
    assert "\n  fix: " in said
    assert fix in said.partition("fix: ")[2]
    assert "Traceback" not in said
    if mistake not in ("syntax", "an exit", "dimensions"):
        assert f"loss '{'all' if 'hidden' in mistake else 'f'}'" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("rule", "fix"), [("median", "exact, bound, irls"), ("irls", "leave it out")])
def test_a_default_curvature_must_exist(rule: str, fix: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(HEAD.replace('"mine"', f'"mine", curvature="{rule}"') + F + "return exp(x)\n")
    with pytest.raises(SpecError, match=f"curvature='{rule}'") as error:
        build(file, tmp_path / "out", jobs=1)
    assert error.value.argument == "curvature"
    assert error.value.line == 3
    assert fix in (error.value.fix or "")
    assert not (tmp_path / "out").exists()


def test_a_shipped_choice_must_exist(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    choice = F.replace("Pred", "Pred, p: Choice(1, 2) = 1") + "return p * x\n"
    file.write_text(HEAD.replace('"mine"', '"mine", variants=[{"p": 7}]') + choice)
    with pytest.raises(SpecError, match="variants names p=7") as error:
        load(file)
    assert error.value.fix == "give one of 1, 2"


class Late(BaseException):
    """No `except Exception` of the loader takes this for a mistake of the file."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise Late(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def texts() -> list[str]:
    """Declarations to begin with: one file for each decorated function, with the head of its file."""
    found = [file.read_text().replace("$name", "mine") for file in (templates_folder() / "starter").iterdir()]
    for file in sorted(specs_folder().glob("*.py")):
        head, *bodies = re.split(r"^(?=@loss)", file.read_text(), flags=re.MULTILINE)
        if "import" not in head.replace("from lossgen.spec import", ""):
            found += [head + body for body in bodies]
    # The words of docstrings are no part of the formula.
    return sorted(re.sub(r'""".*?"""', "0", text, flags=re.DOTALL) for text in found)


TEXTS = texts()
PIECE = r"\"[^\"\n]*\"|[^\W\d]\w*|\d[\w.]*|\s+|[^\w\s]"
FOUND = {piece for text in TEXTS for piece in re.findall(PIECE, text)}
# What may stand for what: a name for a name, a number for a number, a sign for a sign.
NAMES = sorted({piece for piece in FOUND if piece.isidentifier()} | {"None", "lambda", "nan", "raise", "del"})
NUMBERS = ["0", "-1", "1", "2", "7", "0.1", "1e400", "1e-400", "1j", "None", "x", "C"]
SIGNS = sorted({piece for piece in FOUND if re.fullmatch(r"[^\w\s]", piece)} | {"@", "\\", "%", "&", "~"})
ODD = ["\x00", "\ud7ff", "\t", "'''", "\n", "(" * 300]


def others(piece: str) -> list[str]:
    if piece.startswith('"'):
        return NAMES
    return NAMES if piece.isidentifier() else NUMBERS if piece[0].isdigit() else SIGNS


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A declaration in which some pieces were replaced, deleted, inserted or exchanged."""
    pieces = re.findall(PIECE, draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(1, 4))):
        if not pieces:
            break
        at = draw(st.integers(0, len(pieces) - 1))
        kind = draw(st.sampled_from(["replace"] * 4 + ["delete", "insert", "exchange", "odd"]))
        if kind == "delete":
            del pieces[at]
        elif kind == "replace" and not pieces[at].isspace():
            pieces[at] = draw(st.sampled_from(others(pieces[at])))
        elif kind == "insert":
            pieces.insert(at, draw(st.sampled_from(pieces)))
        elif kind == "exchange":
            other = draw(st.integers(0, len(pieces) - 1))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif kind == "odd":
            pieces.insert(at, draw(st.sampled_from(ODD)))
    return "".join(pieces)


def only_loss_errors(text: str, folder: Path) -> None:
    file = folder / "mutated.py"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    with within(20):
        try:
            load(file)
            return
        except LossError as error:
            said = error
    assert isinstance(said, SpecError)
    assert said.file == str(file)
    assert said.fix
    assert len(str(said)) < 4000


fuzz = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60
)


@fuzz
@given(mutated())
@example("(" * 100_000)
@example("x = " + "1 + " * 20_000 + "1")
@example("import nothing_of_that_name")
@example("\x00")
@example("")
def test_a_mutated_file_gives_only_loss_errors(tmp_path: Path, text: str) -> None:
    only_loss_errors(text, tmp_path)


@pytest.mark.full
@settings(fuzz, max_examples=1500)
@given(mutated())
def test_many_mutated_files_give_only_loss_errors(tmp_path: Path, text: str) -> None:
    only_loss_errors(text, tmp_path)
