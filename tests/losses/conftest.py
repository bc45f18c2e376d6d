"""The declarations that the repository does not ship, built once."""

import importlib
import sys

import pytest

from lossgen.pipeline import build

from .discovery import UNSEEN


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The unseen losses, built into a folder of their own and imported from there."""
    folder = tmp_path_factory.mktemp("unseen")
    build(UNSEEN, folder / "unseen_losses")
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("unseen_losses")
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == "unseen_losses"]:
            del sys.modules[name]
