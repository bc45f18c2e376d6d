"""Take the fenced blocks out of Markdown pages."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
QUICK_START = "Quick start"

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>.*)$")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the file it is the text of (if any), where it starts, what it says."""

    heading: str
    language: str
    file: str | None
    line: int
    text: str


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    found: list[Block] = []
    heading, info, start, lines = "", None, 0, []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and info is None:
            info, start, lines = fence["info"].split(), number + 1, []
        elif fence and info is not None:
            language = info[0] if info else ""
            files = [word.removeprefix("file=") for word in info if word.startswith("file=")]
            found.append(
                Block(heading, language, files[0] if files else None, start, "\n".join(lines) + "\n")
            )
            info = None
        elif info is not None:
            lines.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
    assert info is None, f"{page}: the block at line {start} has no end"
    return found


def quick_start() -> list[str]:
    """The commands of README's quick start."""
    first = next(block for block in blocks(ROOT / "README.md") if block.heading == QUICK_START)
    assert first.language == "bash"
    return first.text.splitlines()


def links(page: Path) -> list[str]:
    """Targets of the links and pictures of a page that point into the repository."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """Names that headings of a page can be linked by, as GitHub makes them."""
    titles = re.findall(
        r"^#+ +(.*)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
