"""Completion scripts, sourced by the shells themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lossgen import cli
from lossgen.cli.table import COMMANDS
from lossgen.paths import generated_folder
from lossgen.runtime.package import LossPackage

ROOT = Path(__file__).resolve().parents[2]
LOSSES = LossPackage("lossgen.losses", generated_folder()).manifest["losses"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `lossgen` is this checkout."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "lossgen"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lossgen.cli "$@"\n')
    program.chmod(0o755)
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def bash(line: str, environment: dict[str, str], folder: Path = ROOT) -> list[str]:
    """Return what bash offers for the last word of a line."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        'eval "$(lossgen completion bash)"\n'
        "compopt() { :; }\n"  # it works on a line that is being typed only
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
        "_lossgen; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return sorted(filter(None, done.stdout.split("\n")))


def test_bash(environment: dict[str, str], tmp_path: Path) -> None:
    names = sorted(command.name for command in COMMANDS)
    assert bash("lossgen ", environment) == sorted([*names, "--help", "--version"])
    assert bash("lossgen bui", environment) == ["build"]
    name = min(LOSSES)
    assert bash(f"lossgen show {name[:-1]}", environment) == sorted(
        one for one in LOSSES if one.startswith(name[:-1])
    )
    assert bash("lossgen list --family ", environment) == sorted({one["family"] for one in LOSSES.values()})
    assert bash("lossgen completion ", environment) == ["bash", "fish", "zsh"]
    assert bash("lossgen explain x --output g", environment) == ["gradient"]
    (tmp_path / "specs").mkdir()
    (tmp_path / "a.py").touch()
    assert bash("lossgen build ", environment, tmp_path) == ["a.py", "specs"]
    assert bash("lossgen build a.py --out ", environment, tmp_path) == ["specs"]
    for command in COMMANDS:
        offered = bash(f"lossgen {command.name} --", environment)
        options = [argument.name for argument in command.arguments if not argument.positional]
        assert offered == sorted([*options, "--help"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_argument_is_there(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert command.name in text
        for argument in command.arguments:
            named = argument.name.lstrip("-") if shell == "fish" else argument.name
            assert argument.positional or named in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_read_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    program = shutil.which(shell)
    if program is None and shell != "bash":
        return  # checked by text alone where the shell is not installed
    cli.main(["completion", shell])
    done = subprocess.run(
        [program or shell, "-n"],
        input=capsys.readouterr().out,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
