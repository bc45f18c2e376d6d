"""What is shipped works where it lands: in a wheel, from a source archive, and in an editable install."""

import json
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ("specs", "templates", "generated")

# Run outside the repository, by an interpreter that has only what the package itself asks for.
SMOKE = """
import json, pickle, sys
import lossgen, lossgen.losses as L
assert not {"numpy", "numba", "sympy", "jinja2"} & set(sys.modules), "import is not light"
names = sorted(L.all())
loss = L.huber
value, grad = loss.value_and_grad([0.5, -3.0], [0.0, 0.0], reduction="sum")
assert float(value) == 0.125 + 2.5 and grad.tolist() == [0.5, -1.0]
assert float(pickle.loads(pickle.dumps(loss))([0.5], [0.0])) == 0.125
assert not {"sympy", "jinja2"} & set(sys.modules), "the user side loaded the build side"
print(json.dumps({"file": lossgen.__file__, "losses": names, "kernels": list(L.__path__)}))
"""


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def build(target: str, folder: Path, source: Path = ROOT) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder, cwd=source)
    (made,) = folder.iterdir()
    return made


def tracked(folder: str) -> set[str]:
    done = run("git", "ls-files", "--cached", "--others", "--exclude-standard", folder, cwd=ROOT)
    return {name for name in done.stdout.splitlines() if (ROOT / name).is_file()}


def environment(folder: Path, *requirements: str | Path) -> Path:
    """Make a virtual environment with these packages; return its folder of programs."""
    venv.create(folder, with_pip=True)
    run(folder / "bin" / "pip", "install", "--quiet", *requirements, cwd=folder)
    return folder / "bin"


def losses() -> list[str]:
    return sorted(json.loads((ROOT / "generated" / "manifest.json").read_text())["losses"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


def test_wheel_holds_the_package_and_its_data(wheel: Path) -> None:
    expected = tracked("lossgen") | {f"lossgen/_data/{name}" for folder in DATA for name in tracked(folder)}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected
    assert "lossgen/py.typed" in names
    assert "lossgen/_data/generated/manifest.json" in names


def test_wheel_says_who_and_how(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
        metadata = archive.read(f"{info}/METADATA").decode()
        assert archive.read(f"{info}/licenses/LICENSE").startswith(b"MIT License")
        assert "lossgen = lossgen.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert "Requires-Python: <3.14,>=3.11" in metadata
    assert "License-Expression: MIT" in metadata
    for extra in ("build", "torch", "boost", "jax", "cuda", "docs", "test", "all"):
        assert f"Provides-Extra: {extra}\n" in metadata


@pytest.mark.full
def test_wheel_works_without_the_build_side(wheel: Path, tmp_path: Path) -> None:
    programs = environment(tmp_path / "env", wheel)
    report = json.loads(run(programs / "python", "-c", SMOKE, cwd=tmp_path).stdout)
    assert report["losses"] == losses()
    assert Path(report["file"]).is_relative_to(tmp_path)
    assert all(Path(folder).is_relative_to(tmp_path) for folder in report["kernels"])
    listed = run(programs / "lossgen", "list", cwd=tmp_path).stdout.splitlines()[1:]
    assert [line.split()[0] for line in listed] == losses()
    refused = subprocess.run(
        [programs / "lossgen", "build"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 3
    assert "pip install 'lossgen[build]'" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.full
def test_wheel_builds_the_specs_that_it_carries(wheel: Path, tmp_path: Path) -> None:
    programs = environment(tmp_path / "env", f"{wheel}[build]")
    run(programs / "lossgen", "build", "--check", cwd=tmp_path)


@pytest.mark.full
def test_source_archive_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    archive = build("sdist", tmp_path / "sdist")
    with tarfile.open(archive) as opened:
        # The first releases of Python 3.11 have no filters.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        opened.extractall(tmp_path / "source", **safe)
    (source,) = (tmp_path / "source").iterdir()
    again = build("wheel", tmp_path / "wheel", source=source)
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        ours = {name: first.read(name) for name in first.namelist()}
        theirs = {name: second.read(name) for name in second.namelist()}
    assert ours == theirs


@pytest.mark.full
def test_editable_install_uses_the_checkout(tmp_path: Path) -> None:
    copy = tmp_path / "checkout"
    run("git", "clone", "--quiet", ROOT, copy, cwd=tmp_path)
    programs = environment(tmp_path / "env", "--editable", copy)
    report = json.loads(run(programs / "python", "-c", SMOKE, cwd=tmp_path).stdout)
    assert Path(report["file"]) == copy / "lossgen" / "__init__.py"
    assert report["kernels"] == [str(copy / "generated")]
    assert run("git", "status", "--porcelain", cwd=copy).stdout == ""
    # A stale copy of the data among the installed packages would hide later builds.
    assert not list((tmp_path / "env").rglob("site-packages/lossgen/_data"))
