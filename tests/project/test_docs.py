"""What the pages say can be typed in, and their links lead somewhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.pages import PAGES, QUICK_START, ROOT, anchors, blocks, links, quick_start

LANGUAGES = {"python", "bash", "text", "json"}

# Runs the blocks of one page in order, in the folder where it is started: Python in one namespace, as a
# reader would in one session. Files named by blocks are written; shell commands run between.
RUNNER = """
import json, os, subprocess, sys
sys.path.insert(0, os.getcwd())
namespace = {"__name__": "__main__"}
for block in json.load(open(sys.argv[1])):
    place = f"{block['page']}:{block['line']}"
    print("#", place, flush=True)
    if block["file"]:
        os.makedirs(os.path.dirname(block["file"]) or ".", exist_ok=True)
        open(block["file"], "w").write(block["text"])
    elif block["language"] == "python":
        lines = "\\n" * (block["line"] - 1)
        exec(compile(lines + block["text"], block["page"], "exec"), namespace)
    elif block["language"] == "bash":
        shell = ["bash", "-euo", "pipefail", "-c", block["text"]]
        subprocess.run(shell, check=True, stdin=subprocess.DEVNULL)
"""


def copy_of_the_repository(folder: Path) -> Path:
    """Copy what git tracks or would add, so that no command of a page can touch the checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def programs(folder: Path, copy: Path) -> dict[str, str]:
    """Environment in which `python` and `lossgen` are this interpreter and the copied checkout."""
    folder.mkdir()
    for name, command in {"python": "", "lossgen": "-m lossgen.cli"}.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        script.chmod(0o755)
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(copy)}


@pytest.mark.full
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_runs(page: Path, tmp_path: Path) -> None:
    """Every block of the page but the quick start, which .ci/run runs for real."""
    chosen = [block for block in blocks(page) if block.heading != QUICK_START]
    unknown = {block.language for block in chosen} - LANGUAGES
    assert not unknown, "say which language a block is in: only python and bash are run"
    wanted = [
        {"page": page.name, "line": b.line, "language": b.language, "file": b.file, "text": b.text}
        for b in chosen
    ]
    if not any(block.language in ("python", "bash") for block in chosen):
        return
    copy = copy_of_the_repository(tmp_path / "copy")
    todo = tmp_path / "blocks.json"
    todo.write_text(json.dumps(wanted))
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, todo],
        cwd=copy,
        env=programs(tmp_path / "bin", copy),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(goal), f"{page.name}: {target}"


def test_every_page_can_be_reached() -> None:
    """From README, by links alone."""
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        todo += [(page.parent / target.partition("#")[0]).resolve() for target in links(page)]
    assert set(PAGES) <= seen


def test_a_picture_is_valid_xml_and_described() -> None:
    picture = (ROOT / "docs" / "pipeline.svg").read_text()
    assert "<title" in picture
    assert "<desc" in picture


def test_quick_start_is_two_lines() -> None:
    install, test = quick_start()
    assert "venv" in install
    assert install.endswith("lossgen build")
    assert "[test]" in test
    assert "pytest" in test
