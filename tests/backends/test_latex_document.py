"""The generated LaTeX: every loss is there, it is written in commands that exist, and it compiles."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import lossgen.losses as L
from lossgen.backends.latex.prose import code, prose
from lossgen.paths import generated_folder

FOLDER = generated_folder() / "latex"
FRAGMENTS = sorted(path for path in FOLDER.glob("*.tex") if path.name != "lossgen-document.tex")
# Boxes of text may stick out by this much before anyone sees it.
POINTS = 3.0
# What LaTeX, amsmath, amssymb, booktabs, longtable, array and graphicx define, as far as we use it.
_WORDS = """
    left right begin end frac sqrt sum max min log exp operatorname mathrm mathbb text quad infty
    times cdot partial ell bar mathrel sigma alpha beta gamma delta varepsilon lambda psi tau lVert
    rVert lfloor rfloor leq geq neq wedge vee neg bmod sign cosh sin cos tan tanh atan Gamma
    lossgentitle lossgenvariant lossgenpart lossgenline texttt textsc noindent par toprule midrule
    bottomrule endhead raggedright arraybackslash linewidth textasciicircum textasciitilde
    textbackslash le ge ne pm to in surd dots pi mu
"""
KNOWN = set(_WORDS.split())


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.stem)
def test_fragment_is_well_formed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    body = re.sub(r"(?<!\\)%.*", "", text)
    plain = re.sub(r"\\[{}]", "", body)
    depth = 0
    for letter in plain:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0, "a brace closes nothing"
    assert depth == 0, "a brace is never closed"
    assert not set(re.findall(r"\\([a-zA-Z]+)", body)) - KNOWN
    assert len(re.findall(r"\\left(?![a-z])", body)) == len(re.findall(r"\\right(?![a-z])", body))
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{([a-z]+)\}", body):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    # A fragment holds the value, and what can be said of first and second derivatives.
    assert {"Value", "Gradient"} <= set(re.findall(r"\\lossgenpart\{(\w+)\}", body))
    assert body.count("{Hessian diagonal}") + body.count("{No Hessian diagonal") == body.count("{Gradient}")


def test_every_loss_is_in_the_document() -> None:
    document = (FOLDER / "lossgen-document.tex").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\\input\{(\w+)\}", document)) == sorted(L.all())
    assert [path.stem for path in FRAGMENTS] == sorted(L.all())


def test_document_compiles(tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is missing: apt-get install texlive-latex-base texlive-latex-recommended")
    folder = tmp_path / "latex"
    shutil.copytree(FOLDER, folder)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "lossgen-document.tex"]
    for _ in range(2):  # the table of contents is read by the second run
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    log = (folder / "lossgen-document.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-3000:]
    wide = [float(points) for points in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log)]
    assert max(wide, default=0.0) < POINTS
    assert not re.findall(r"LaTeX Warning: .*|Missing character.*", log)


def test_words_are_escaped() -> None:
    assert prose("a_b & `c_d` 50% of {x} #1") == r"a\_b \& \texttt{c\_d} 50\% of \{x\} \#1"
    assert prose("Å ≤ β\n  \u4e2d") == r"Å $\le$ $\beta$ [U+4E2D]"
    assert code("x^2~\\") == r"\texttt{x\textasciicircum{}2\textasciitilde{}\textbackslash{}}"
