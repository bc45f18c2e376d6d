"""What the user side may ask of the build side."""

from __future__ import annotations

from lossgen.errors import LossError
from lossgen.paths import specs_folder
from lossgen.spec.model import Loss
from lossgen.spec.registry import load


def load_spec(package: str, name: str) -> Loss:
    """Return the declaration behind a loss of a generated package.

    Raises
    ------
    LossError
        If the package was built from specs that are not lossgen's own.
    """
    for loss in load(specs_folder()):
        if loss.name == name and package == "lossgen.losses":
            return loss
    raise LossError(
        f"the declaration of {package}.{name} is not shipped with it; "
        "load it with lossgen.spec.registry.load(path)"
    )
