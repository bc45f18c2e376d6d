"""Every argument of a shipped loss is explained, not only typed."""

import pytest

from tests.shipped import LOSSES

ARGUMENTS = [
    pytest.param(parameter, id=f"{loss.name}-{parameter.name}")
    for loss in LOSSES
    for parameter in loss.parameters
    if parameter.kind in ("int", "labels", "length") or parameter.default is not None or parameter.static
]


@pytest.mark.parametrize("parameter", ARGUMENTS)
def test_every_parameter_has_words(parameter):
    assert parameter.doc


def test_some_are_judged():
    assert len(ARGUMENTS) > 30
