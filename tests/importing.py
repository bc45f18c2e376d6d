"""Packages that tests build into folders of their own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def importable(folder: Path, prefix: str) -> Iterator[None]:
    """Let the packages in a folder be imported, and forget at the end those whose names begin so."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith(prefix)]:
            del sys.modules[name]
