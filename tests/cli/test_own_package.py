"""A package of one's own: judged by `lossgen.testing.check`, and the same bits without the generator."""

import importlib
import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import lossgen
from lossgen import cli
from lossgen.errors import LossError
from lossgen.paths import generated_folder
from lossgen.runtime.abi import RUNTIME_ABI
from lossgen.runtime.package import LossPackage
from lossgen.testing import check
from tests.importing import importable

ROOT = Path(__file__).resolve().parents[2]
SPEC = '''
from lossgen.spec import Pred, Target, Unit, axis, Class, Sum, exp, index, log, loss

C = axis("C")


@loss(family="mine")
def leaning(x: Pred, y: Target, tau: Unit = 0.5):
    """A loss without a corner."""
    return tau * (x - y) + log(1 + exp(y - x))


@loss(family="mine")
def surprise(x: Pred[C], y: Class[C]):
    """Negative log-likelihood."""
    j = index(C)
    return -log(exp(x[y]) / Sum(exp(x[j]), j))
'''

# Run twice, by interpreters with and without the generator: prints the bits of every result.
BITS = """
import json, sys
import numpy as np
from my_pkg import losses
assert bool(set(sys.modules) & {"sympy", "jinja2"}) is False
rng = np.random.default_rng(3)
found = {}
for dtype in (np.float32, np.float64):
    for size in (7, 100_000):
        x, y = rng.normal(size=(2, size)).astype(dtype) * 10
        scores, labels = rng.normal(size=(size, 5)).astype(dtype), rng.integers(0, 5, size)
        for name, given in (("leaning", (x, y)), ("surprise", (scores, labels))):
            loss = getattr(losses, name)
            value, grad = loss.value_and_grad(*given)
            _, hess = loss.grad_and_hess(*given)
            parts = [np.asarray(part) for part in (value, grad, hess)]
            found[f"{name} {dtype.__name__} {size}"] = [hash(part.tobytes()) for part in parts]
try:
    import sympy
    generator = True
except ImportError:
    generator = False
print(json.dumps({"found": found, "generator": generator}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project outside the repository, with its declarations and what was built from them."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "my_specs").mkdir()
    (folder / "my_specs" / "mine.py").write_text(SPEC)
    command = ["build", str(folder / "my_specs"), "--out", str(folder / "my_pkg" / "losses"), "--jobs", "1"]
    command += ["--no-measure"]
    assert cli.main(command) == 0
    return folder


@pytest.fixture
def losses(folder: Path) -> Iterator[ModuleType]:
    with importable(folder, "my_pkg"):
        yield importlib.import_module("my_pkg.losses")


def test_check_judges_by_the_declaration(folder: Path, losses: ModuleType) -> None:
    specs = folder / "my_specs"
    rows = check(losses.leaning, specs=specs, points=4, dtypes=[np.float64])
    assert {row.output for row in rows} >= {"value", "gradient x", "hessian x"}
    assert all(row.points >= 4 for row in rows)
    other = folder / "other.py"
    other.write_text(SPEC.replace("log(1 + exp(y - x))", "log(1 + exp(y - x)) * 1.000001"))
    with pytest.raises(AssertionError, match=r"leaning is not what it declares[^\0]*value float64: \d+ of"):
        check(losses.leaning, specs=other, points=4, dtypes=[np.float64])
    (folder / "third.py").write_text(SPEC.replace("tau: Unit = 0.5", "tau: Unit = 0.5, p: Flag = False"))
    third = (folder / "third.py").read_text().replace("import Pred", "import Flag, Pred")
    (folder / "third.py").write_text(third)
    with pytest.raises(AssertionError, match="another declaration"):
        check(losses.leaning, specs=folder / "third.py", points=4)


def test_check_needs_a_declaration(folder: Path, losses: ModuleType) -> None:
    with pytest.raises(LossError, match="not shipped"):
        check(losses.leaning)
    (folder / "odd.py").write_text(SPEC.replace("def leaning", "def upright"))
    with pytest.raises(LossError, match="but no leaning"):
        check(losses.leaning, specs=folder / "odd.py")


def test_check_of_what_is_shipped() -> None:
    package = LossPackage("lossgen.losses", generated_folder())
    name = min(
        name for name, loss in package.manifest["losses"].items() if loss["structure"] == "elementwise"
    )
    assert check(package.get(name), points=4, dtypes=[np.float64])


@pytest.mark.full
def test_check_of_what_was_compiled() -> None:
    assert check(lossgen.compile("log(cosh(x - y))"), points=4, dtypes=[np.float64])


def test_another_abi_names_the_command(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "my_losses"
    copy.mkdir()
    for file in (folder / "my_pkg" / "losses").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            target = copy / file.relative_to(folder / "my_pkg" / "losses")
            target.parent.mkdir(exist_ok=True)
            target.write_text(file.read_text().replace(f"check_abi({RUNTIME_ABI},", "check_abi(99,"))
    code = "import my_losses; my_losses.leaning([1.0], [0.0])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "lossgen build SPECS --out DIR" in done.stderr


@pytest.mark.full
def test_the_same_bits_without_the_generator(folder: Path, tmp_path: Path) -> None:
    """Installed in a clean environment: NumPy, Numba and lossgen, no SymPy."""
    wheels = tmp_path / "wheels"
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = wheels.iterdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "my-pkg"\nversion = "1"\ndependencies = ["lossgen"]\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["my_pkg"]\n'
    )
    (folder / "my_pkg" / "__init__.py").touch()
    subprocess.run([*build[:-1], str(tmp_path / "own")], cwd=folder, check=True, capture_output=True)
    (own,) = (tmp_path / "own").iterdir()
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    numeric = [f"{name}=={importlib.import_module(name).__version__}" for name in ("numpy", "numba")]
    install = [python, "-m", "pip", "install", "--quiet", *numeric, wheel, own]
    subprocess.run(install, cwd=tmp_path, check=True, capture_output=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    results = []
    for program, path in ((python, ""), (Path(sys.executable), f"{ROOT}:{folder}")):
        done = subprocess.run(
            [program, "-c", BITS],
            cwd=outside,
            env={"PYTHONPATH": path, "PYTHONHASHSEED": "1", "PATH": "", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
    assert [result["generator"] for result in results] == [False, True]
    assert results[0]["found"] == results[1]["found"]
    installed = tmp_path / "env" / "lib"
    texts = [file.read_text() for file in installed.rglob("my_pkg/losses/**/*.py")]
    assert len(texts) >= 4
    roots = {
        line.split()[1].partition(".")[0]
        for text in texts
        for line in text.splitlines()
        if line.startswith(("import ", "from "))
    }
    assert roots == {"math", "numpy", "numba", "lossgen"}
