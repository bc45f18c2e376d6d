"""`lossgen new`: what it writes builds and verifies as it is."""

from pathlib import Path

import pytest

from lossgen import cli
from lossgen.cli.codes import Code
from lossgen.cli.new import COMMAND

KINDS = next(argument.choices for argument in COMMAND.arguments if argument.name == "--kind")


@pytest.mark.full
def test_every_starter_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in KINDS:
        assert cli.main(["new", f"my_{kind}", "--kind", kind, "--dir", "mine"]) == 0
    assert cli.main(["verify", "mine/", "--points", "64"]) == 0
    text = capsys.readouterr().out
    for kind in KINDS:
        assert f"mine/my_{kind}.py declares" in text
        assert f"\nmy_{kind} " in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_a_package_is_judged_by_its_declaration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cli.main(["new", "slanted", "--dir", "specs"])
    assert cli.main(["build", "specs", "--out", "slanted_losses", "--jobs", "1", "--no-measure"]) == 0
    spec = tmp_path / "specs" / "slanted.py"
    spec.write_text(spec.read_text().replace("scale**2 / 2", "scale**2 / 3"))
    capsys.readouterr()
    assert cli.main(["verify", "specs/", "--package", "slanted_losses", "--points", "4"]) == Code.WRONG
    assert "slanted value float64" in capsys.readouterr().err
    assert cli.main(["list", "--package", "slanted_losses"]) == 0
    assert cli.main(["show", "slanted", "--package", "slanted_losses", "--no-plot"]) == 0
    assert "import slanted_losses as L" in capsys.readouterr().out
    # What was compiled to look at it would break the import under its own name: caches hold that.
    assert not list((tmp_path / "slanted_losses").rglob("*.nb[ic]"))


@pytest.mark.parametrize("name", ["2fast", "a-b", "lambda", "_hidden", "", "a/b"])
def test_impossible_names(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["new", name, "--dir", str(tmp_path)]) == Code.USAGE
    assert "cannot be the name" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("my work\n")
    assert cli.main(["new", "mine", "--dir", str(tmp_path)]) == Code.USAGE
    assert (tmp_path / "mine.py").read_text() == "my work\n"
    assert "there already" in capsys.readouterr().err
