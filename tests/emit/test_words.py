"""Every argument of a shipped loss is explained, and its formulas say nothing that a reader does not know."""

import re

import pytest

import lossgen.losses as L
from lossgen.spec.functions import FUNCTIONS
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


# What stands in formulas beside the functions that a formula may call.
OWN = {"where", "floor", "Sum", "argmax", "argmin", "logsumexp", "norm", "argsort", "mean", "detach"}


@pytest.mark.parametrize("name", sorted(L.all()))
def test_formulas_call_what_a_reader_knows(name):
    for variant in L.all()[name].entry.variants:
        rules = [text for rule in variant.curvature.values() for text in rule.text.values()]
        for text in (variant.formula_text, *variant.gradient_text.values(), *rules):
            assert set(re.findall(r"(\w+)\(", text)) <= {*FUNCTIONS, *OWN}, text


def test_some_are_judged():
    assert len(ARGUMENTS) > 30
