"""What the commands show: every loss, in a pipe and on a terminal of 80 columns."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossgen import cli
from lossgen.cli import verify as cli_verify
from lossgen.cli.codes import Code
from lossgen.cli.plot import draw
from lossgen.cli.table import COMMANDS
from lossgen.paths import generated_folder
from lossgen.runtime.package import LossPackage

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = LossPackage("lossgen.losses", generated_folder())
LOSSES = PACKAGE.manifest["losses"]
FIRST_OF_STRUCTURE = {loss["structure"]: name for name, loss in sorted(LOSSES.items(), reverse=True)}
# The cheap ones always, the others in the full tier.
SOME = [
    pytest.param(name, marks=() if structure in ("elementwise", "row") else pytest.mark.full)
    for structure, name in FIRST_OF_STRUCTURE.items()
]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert cli.main(arguments) == code
    return capsys.readouterr().out


def on_terminal(*arguments: str, **environment: str) -> str:
    """Run a command on a terminal of 80 columns; return what it wrote."""
    leader, follower = pty.openpty()
    settings = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"} | environment
    settings = {name: text for name, text in settings.items() if text}
    command = [sys.executable, "-m", "lossgen.cli", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=follower, stderr=follower)
    os.close(follower)
    found = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        found += part
    os.close(leader)
    assert process.wait() == 0, found.decode()
    return found.decode()


def test_list_filters_and_searches(capsys: pytest.CaptureFixture[str]) -> None:
    def names(*arguments: str, code: int = 0) -> set[str]:
        return set(printed(capsys, "list", "--names", *arguments, code=code).split())

    assert names() == set(LOSSES)
    for key in ("family", "structure"):
        for wanted in {loss[key] for loss in LOSSES.values()}:
            fitting = {name for name, loss in LOSSES.items() if loss[key] == wanted}
            assert names(f"--{key}", wanted) == fitting
    assert names("torch") == {name for name, loss in LOSSES.items() if "torch" in str(loss).lower()}
    assert names("no such words", code=Code.WRONG) == set()
    assert cli.main(("list", "--family", "no such family")) == Code.WRONG
    said = capsys.readouterr().err
    assert all(loss["family"] in said for loss in LOSSES.values())
    described = json.loads(printed(capsys, "list", "--json"))
    assert [one["name"] for one in described] == sorted(LOSSES)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if raw["structure"] in ("elementwise", "reduce") else [pytest.mark.full])
        for name, raw in LOSSES.items()
    ],
)
def test_the_example_of_every_loss_runs(name: str) -> None:
    """What `show` prints as an example gives the value that it prints."""
    out = io.StringIO()
    arguments = cli.parser.parser(COMMANDS).parse_args(["show", name, "--no-plot"])
    assert arguments.run(arguments, cli.entry.Console(out=out)) == 0
    text = out.getvalue()
    code = re.search(r"^Example\n((?:  .*\n|\n)*)", text, re.MULTILINE)
    assert code is not None
    lines = code[1].replace("\n  ", "\n").removeprefix("  ")
    namespace: dict[str, Any] = {}
    exec(lines.rpartition("print(")[0], namespace)
    said = float(lines.rpartition("#")[2])
    assert np.isclose(float(namespace["value"]), said, rtol=1e-5)
    assert LOSSES[name]["variants"][0]["formula_text"].splitlines()[0].split()[0] in text
    assert LOSSES[name]["variants"][0]["fingerprint"] in text


@pytest.mark.parametrize("name", FIRST_OF_STRUCTURE.values())
def test_plots_show_value_and_gradient(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "show", name)
    plot = text.partition("\nPlot\n")[2].partition("\nMore\n")[0].splitlines()
    assert plot[0].split() == ["value", "gradient"]
    assert sum("⠀" < letter <= "⣿" for line in plot for letter in line) > 30
    assert max(map(len, plot)) <= 80


def test_a_curve_is_where_it_should_be() -> None:
    x = np.linspace(-1, 1, 101).tolist()
    stars = draw("line", x, x, 21, 11, braille=False)
    rows = [line.partition("|")[2] for line in stars[1:-1]]
    assert [row.rstrip().endswith("*") for row in rows] == [True] * 11
    assert rows[0].index("*") == 20 or rows[0].index("*") == 19
    assert rows[-1].index("*") == 0
    assert stars[1].split()[0] == "1"
    assert stars[-2].split()[0] == "-1"
    with_dots = draw("line", x, x, 21, 11)
    assert with_dots[-2].partition("│")[2].startswith("⣀") or "⡠" in with_dots[-2]
    assert draw("nothing", x, [float("nan")] * 101, 9, 3) == ["nothing", "no finite values"]
    assert len(draw("constant", x, [2.0] * 101, 9, 3)) == 5


@pytest.mark.parametrize("name", SOME)
def test_explain_names_rules_and_branches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(printed(capsys, "explain", name, "--json"))
    assert told["declared"] == LOSSES[name]["variants"][0]["formula_text"]
    kinds = [one["kind"] for one in told["outputs"]]
    assert kinds[:2] == ["value", "gradient"]
    for one in told["outputs"]:
        assert one["code"].startswith("@njit") or one["code"].startswith("def _")
        assert one["derived"]
        assert one["form"]
        for fired in one["rules"]:
            assert fired["avoids"], fired["rule"]
        for branch in one["branches"]:
            assert branch["condition"]
            assert branch["reason"]
    text = printed(capsys, "explain", name, "--output", "gradient")
    assert "Gradient, generated code" in text
    assert "Value, generated code" not in text


def test_explain_tells_where_a_branch_comes_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(
        "from lossgen.spec import *\n"
        'C = axis("C")\n'
        '@loss(family="mine")\n'
        "def picked(x: Pred[C], y: Class[C]):\n"
        '    """Entry y, doubled above one."""\n'
        "    return where(x[y] > 1, 2 * x[y], x[y])\n"
        '@loss(family="mine")\n'
        "def smooth(x: Pred, y: Target):\n"
        '    """Softplus, spelled out."""\n'
        "    return log(1 + exp(x - y))\n"
    )
    told = json.loads(printed(capsys, "explain", str(tmp_path), "picked", "--json"))
    gradient = next(one for one in told["outputs"] if one["kind"] == "gradient")
    reasons = {one["condition"]: one["reason"] for one in gradient["branches"]}
    assert reasons["x[y] > 1"] == "declared"
    assert "position that the formula picks" in reasons["c == y"]
    told = json.loads(printed(capsys, "explain", "smooth", str(tmp_path), "--json"))
    assert any("softplus" in fired["after"] for fired in told["rules"])
    assert "_softplus" in told["outputs"][0]["code"]
    assert "_softplus" in told["outputs"][0]["helpers"]


def test_every_command_takes_declarations_and_packages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Declarations are named by their path, a package by --package, whatever is to be done with them."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(("new", "mine", "--dir", "specs")) == 0
    assert cli.main(("build", "specs", "--out", "built", "--no-measure", "--target", "numba_cpu")) == 0
    capsys.readouterr()
    for where in (("specs/mine.py",), ("specs/",), ("--package", "built")):
        assert json.loads(printed(capsys, "list", *where, "--json"))[0]["name"] == "mine"
        assert json.loads(printed(capsys, "show", "mine", *where, "--json"))["name"] == "mine"
    # The only loss of a file need not be named.
    assert json.loads(printed(capsys, "explain", "specs", "--json"))["name"] == "mine"
    judged: list[tuple[tuple[str, ...], Path]] = []
    monkeypatch.setattr(cli_verify, "_measured", lambda names, specs, *_: judged.append((names, specs)) or [])
    printed(capsys, "verify", "mine", "specs")
    printed(capsys, "verify", "specs/mine.py", "--package", "built")
    assert judged == [(("mine",), Path("specs")), ((), Path("specs/mine.py"))]
    for wrong, said in (
        (("show", "specs", "--package", "built"), "not both"),
        (("list", "built/"), "--package built"),
        (("show", "specs", "mien"), "did you mean 'mine'"),
        (("explain", "specs", "specs/mine.py"), "one folder or file"),
        (("verify", "mine", "--package", "built"), "verify SPECS"),
        (("show", "mine", "mine"), "name one loss"),
    ):
        assert cli.main(wrong) == Code.USAGE, wrong
        assert said in capsys.readouterr().err


def test_unknown_names_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    name = next(iter(LOSSES))
    for command in ("show", "explain", "verify"):
        assert cli.main([command, f"{name}x"]) == Code.USAGE
        assert name in capsys.readouterr().err
    assert cli.main(["explain", name, "--variant", "odd"]) == Code.USAGE
    assert cli.main(["list", "--package", "/"]) == Code.USAGE


def test_a_terminal_is_not_overrun() -> None:
    name = FIRST_OF_STRUCTURE["elementwise"]
    for arguments in (["show", name], ["explain", name, "--no-code"]):
        text = on_terminal(*arguments, NO_COLOR="", FORCE_COLOR="")
        assert "\x1b[1m" in text
        plain = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r", "")
        assert max(map(len, (line for line in plain.splitlines() if "sha256" not in line))) <= 80


def test_a_list_has_one_line_for_each_loss() -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", on_terminal("list", NO_COLOR="", FORCE_COLOR=""))
    lines = plain.splitlines()
    assert [line.split()[0] for line in lines[1:]] == sorted(LOSSES)
    assert max(map(len, lines)) <= 80


def test_no_color_is_honoured() -> None:
    text = on_terminal("show", FIRST_OF_STRUCTURE["elementwise"], NO_COLOR="1", FORCE_COLOR="")
    assert "\x1b" not in text


def test_doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = json.loads(printed(capsys, "doctor", "--quick", "--json"))
    assert {"Versions", "Kernels", "Caches", "GPU"} <= {one["area"] for one in found}
    versions = {one["name"]: one["found"] for one in found if one["area"] == "Versions"}
    assert versions["numpy"] == np.__version__
    assert all(one["fix"] for one in found if one["state"] == "wrong")
    text = printed(capsys, "doctor")
    assert "value and gradient" in text
    assert text.splitlines()[-1].startswith("0 problems (!)")


def test_doctor_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    health = cli.deferred.user_side("lossgen.cli.health")
    monkeypatch.setattr(health, "_version", lambda name: None)
    monkeypatch.setattr(health, "generated_folder", lambda: tmp_path / "nothing")
    text = printed(capsys, "doctor", "--quick", code=Code.WRONG)
    assert "! numba " in text
    assert "fix: pip install lossgen\n" in text
    assert "fix: lossgen build\n" in text
    assert not (tmp_path / "nothing").exists()


def test_help_is_there_at_once() -> None:
    code = (
        "import sys; from lossgen.cli import main\ntry: main()\nexcept SystemExit: print(sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    help_, _, modules = done.stdout.rpartition("[")
    for heavy in ("numpy", "numba", "sympy", "rich", "jinja2"):
        assert f"'{heavy}'" not in modules
    for command in COMMANDS:
        assert f"    {command.name} " in help_
        assert command.summary in " ".join(help_.split())
    for number in Code:
        assert f"  {number.value}  {number.meaning}" in help_


def test_examples_of_list_find_losses(capsys: pytest.CaptureFixture[str]) -> None:
    (command,) = (one for one in COMMANDS if one.name == "list")
    shipped = [typed.split()[1:] for typed, _ in command.examples if "/" not in typed]
    for words in shipped:
        assert cli.main(words) == 0, words
    assert len(shipped) > 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_teaches(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([command.name, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    for argument in command.arguments:
        assert argument.help.split()[0] in text
    parser = cli.parser.parser(COMMANDS)
    for typed, _ in command.examples:
        words = typed.replace('eval "$(', "").replace(')"', "").partition(" | ")[0].split()
        assert words[0] == "lossgen"
        parser.parse_args(words[1:])  # exits if the example cannot be typed
