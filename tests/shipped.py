"""The losses of this repository, loaded once for all tests."""

import pytest

from lossgen.paths import specs_folder
from lossgen.spec.model import Loss
from lossgen.spec.registry import load

LOSSES: tuple[Loss, ...] = load(specs_folder())
VARIANTS = [
    pytest.param(loss, variant, id=f"{loss.name}-{variant.suffix or 'default'}")
    for loss in LOSSES
    for variant in loss.variants
]
