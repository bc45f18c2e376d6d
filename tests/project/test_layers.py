"""The architecture, enforced: who may import whom, how long a file may be, what may lie where."""

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lossgen"

# Each layer may import itself, the shared modules and whatever its row names.
SHARED = {"errors", "paths", "version"}
BUILD = ["algebra", "spec", "derive", "stabilize", "lower", "backends", "search", "emit", "pipeline", "cli"]
LAYERS = {name: set(BUILD[:k]) for k, name in enumerate(BUILD)}
LAYERS["oracle"] = {"algebra", "spec", "derive"}
LAYERS["search"] |= {"oracle"}
LAYERS["pipeline"] |= {"oracle"}
LAYERS["console"] = set()
LAYERS["cli"] |= {"oracle", "console", "runtime"}
LAYERS["runtime"] = set()
LAYERS["testing"] = {"spec", "oracle", "runtime"}
LAYERS["losses"] = {"runtime"}
LAYERS["threads"] = {"runtime"}
LAYERS["__init__"] = {"runtime", "losses"}
for name in SHARED:
    LAYERS[name] = set(SHARED)

# Single files that may see more, each with its reason.
MORE = {
    "lossgen/oracle/verify.py": {"losses"},  # it measures the public functions that users call
    "lossgen/emit/manifest.py": {"runtime"},  # the ABI that it writes is the one that the runtime checks
    "lossgen/emit/render.py": {"runtime"},  # likewise
    "lossgen/pipeline/compile.py": {"runtime"},  # arguments of calls are no names of symbols
    "lossgen/pipeline/build.py": {"runtime"},  # stubs say what certificates say
    "lossgen/pipeline/records.py": {"runtime"},  # records are read in one place
    "lossgen/pipeline/measure.py": {"runtime"},  # it calls the kernels of any package
    "lossgen/pipeline/verify.py": {"runtime"},  # likewise
    "lossgen/pipeline/journal.py": {"runtime"},  # the private folder is found in one place
    "lossgen/emit/stubs.py": {"runtime"},  # stubs show the options that the runtime takes
}

# What each side must never import, at any level.
BUILD_ONLY = {"sympy", "mpmath", "flint", "jinja2"}
USER_SIDE = {"runtime", "losses", "__init__", "threads", "console", "cli"} | SHARED

# Deferred imports, each with its reason. (file, enclosing function)
DEFERRED = {
    ("lossgen/cli/deferred.py", "build_side"): "the build side needs SymPy, `lossgen list` must not",
    ("lossgen/cli/deferred.py", "user_side"): "NumPy and Numba take longer than a screen of help may",
    ("lossgen/console.py", "rich"): "60 ms, for terminals only, and optional",
    ("lossgen/runtime/build_side.py", "entry_point"): "the one way up, for `.spec` and `lossgen.compile`",
    ("lossgen/runtime/compile.py", "compile"): "NumPy comes with the first formula, not with the import",
    ("lossgen/runtime/loss.py", "_kernels"): "Numba comes with the first call, not with the import",
    ("lossgen/runtime/launch.py", "_find"): "a generated module is named by the manifest",
    ("lossgen/runtime/arrays.py", "_from_torch_bfloat16"): "ml_dtypes is optional",
    ("lossgen/runtime/package.py", "get"): "NumPy comes with the first loss, not with the import",
    ("lossgen/runtime/package.py", "_missing"): "10 ms, for one error message only",
    ("lossgen/runtime/package.py", "load_loss"): "unpickles by the name of the package",
}

ROOT_ENTRIES = {
    "specs", "lossgen", "templates", "generated", "tests", "docs", "benchmarks", "examples", ".ci", ".git",
    ".gitignore", ".gitattributes", "pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md",
    "LICENSE",
}  # fmt: skip


def tracked() -> list[str]:
    """Files that git knows or would add: what a reader of the repository sees."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def python_files(*folders: str) -> list[Path]:
    return sorted(ROOT / name for name in tracked() if name.endswith(".py") and name.startswith(folders))


SOURCES = python_files("lossgen/")


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def absolute(node: ast.ImportFrom, path: Path) -> str:
    """Resolve a relative import to the module's full name."""
    if not node.level:
        return node.module or ""
    parts = path.relative_to(ROOT).with_suffix("").parts
    base = ".".join(parts[: len(parts) - node.level])
    return f"{base}.{node.module}" if node.module else base


def imported(path: Path) -> set[str]:
    """Full names of everything that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = absolute(node, path)
            names |= {f"{module}.{alias.name}" for alias in node.names} if module == "lossgen" else {module}
    return names


def illegal_imports(layer: str, names: set[str]) -> set[str]:
    """The imported lossgen modules that a file of `layer` must not see."""
    allowed = LAYERS[layer] | SHARED | {layer}
    layers = {name: name.split(".")[1] for name in names if name.startswith("lossgen.")}
    return {name for name, used in layers.items() if used in LAYERS and used not in allowed}


def deferred_imports(tree: ast.AST) -> list[tuple[str, int]]:
    """Imports inside functions, by statement or by `import_module`: (function, line)."""
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for node in ast.walk(function):
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "attr", getattr(called, "id", ""))
            if isinstance(node, ast.Import | ast.ImportFrom) or name in ("import_module", "__import__"):
                found.append((getattr(function, "name", "<lambda>"), node.lineno))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    layer = layer_of(path)
    assert layer in LAYERS, f"{path}: give the new module its place in LAYERS"
    more = MORE.get(path.relative_to(ROOT).as_posix(), set())
    assert not {name for name in illegal_imports(layer, imported(path)) if name.split(".")[1] not in more}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_user_side_imports_nothing_of_the_build_side(path: Path) -> None:
    if layer_of(path) in USER_SIDE:
        assert not BUILD_ONLY & {name.partition(".")[0] for name in imported(path)}


def test_import_check_sees_a_violation() -> None:
    assert illegal_imports("algebra", {"lossgen.lower.ir", "math"}) == {"lossgen.lower.ir"}
    assert illegal_imports("lower", {"lossgen.algebra.nodes"}) == set()
    assert illegal_imports("runtime", {"lossgen.spec"}) == {"lossgen.spec"}


def test_specs_and_generated_import_only_their_side() -> None:
    for path in python_files("specs/"):
        ours = {name for name in imported(path) if name.startswith("lossgen")}
        assert ours <= {"lossgen.spec"}, path
    for path in python_files("generated/"):
        roots = {name.partition(".")[0] for name in imported(path)}
        assert roots <= {"numpy", "math", "numba", "lossgen", "__future__", "typing", "collections"}, path
        ours = {name for name in imported(path) if name.startswith("lossgen")}
        assert all(name.startswith(("lossgen.runtime", "lossgen.losses")) for name in ours), path


def test_no_import_inside_a_function() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), function): line
        for path in SOURCES
        for function, line in deferred_imports(ast.parse(path.read_text()))
    }
    extra = {place: line for place, line in found.items() if place not in DEFERRED}
    assert not extra, "move the import to the top, or name it in DEFERRED with its reason"
    assert DEFERRED.keys() <= found.keys(), "an allowance that nothing uses any more"


def test_deferred_imports_are_found() -> None:
    tree = ast.parse("def f():\n    import os\n\ndef g():\n    return importlib.import_module('os')\n")
    assert deferred_imports(tree) == [("f", 2), ("g", 5)]


def test_files_are_short() -> None:
    long = {
        name: count
        for name in tracked()
        if name.endswith((".py", ".j2"))
        and name.startswith(("lossgen/", "tests/", "benchmarks/", "specs/", "examples/", "templates/"))
        if (count := len((ROOT / name).read_bytes().splitlines())) > 300
    }
    assert not long, "one idea per file: split these"


def test_root_holds_only_what_it_should() -> None:
    roots = {name.split("/")[0] for name in tracked()}
    assert roots <= ROOT_ENTRIES


def test_no_vague_module_names() -> None:
    vague = {"utils", "util", "common", "misc"}
    assert not [name for name in tracked() if vague & set(Path(name).with_suffix("").parts)]


def test_nothing_is_left_to_do() -> None:
    mark = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    hits = [
        f"{name}:{number}"
        for name in tracked()
        if name.endswith((".py", ".j2", ".md", ".toml", ".pyi"))
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if mark.search(line)
    ]
    assert not hits


def loss_names() -> set[str]:
    manifest = json.loads((ROOT / "generated" / "manifest.json").read_text())
    return set(manifest["losses"])


def identifiers(text: str) -> set[str]:
    """Names used as code: comments and strings may mention a loss, as an example in a docstring does."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def string_constants(text: str) -> set[str]:
    """Whole string constants, which could be compared with a loss's name."""
    return {
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_generator_knows_no_loss_by_name() -> None:
    names = loss_names()
    assert len(names) > 10
    hits = []
    for path in SOURCES:
        text = path.read_text()
        found = names & (identifiers(text) | string_constants(text) | {path.stem})
        hits += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(found)]
    for name in tracked():
        if name.startswith("templates/"):
            words = set(re.findall(r"\w+", (ROOT / name).read_text())) | {Path(name).name.split(".")[0]}
            hits += [f"{name}: {word}" for word in sorted(names & words)]
    assert not hits


@pytest.mark.parametrize("module", ["lossgen", "lossgen.losses", "lossgen.cli"])
def test_importing_the_user_side_is_light(module: str) -> None:
    heavy = ["sympy", "jinja2", "mpmath", "flint", "numba", "torch", "jax"]
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
