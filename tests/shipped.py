"""The losses of this repository, loaded once for all tests."""

from lossgen.paths import specs_folder
from lossgen.spec.model import Loss
from lossgen.spec.registry import load

LOSSES: tuple[Loss, ...] = load(specs_folder())
