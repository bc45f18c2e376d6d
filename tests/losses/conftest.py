"""The declarations that the repository does not ship, built once."""

import importlib

import pytest

from lossgen.pipeline import build
from tests.importing import importable

from .discovery import UNSEEN


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The unseen losses, built into a folder of their own and imported from there."""
    folder = tmp_path_factory.mktemp("unseen")
    build(UNSEEN, folder / "unseen_losses")
    with importable(folder, "unseen_losses"):
        yield importlib.import_module("unseen_losses")
