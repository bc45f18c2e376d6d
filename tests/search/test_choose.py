"""Forms are chosen by measured error, recorded, and taken from the record."""

import json

import numpy as np
import pytest

import lossgen
from lossgen.lower import ir
from lossgen.oracle.arrange import Arrangement
from lossgen.oracle.weights import oracle
from lossgen.pipeline.variant import compile_variant
from lossgen.search import choose as choosing
from lossgen.search.points import DTYPES, Points, outputs
from lossgen.search.trees import Forest, plain_kernel
from tests.losses.discovery import VARIANTS

# The gradient overflows in the order in which its factors stand, though the result does not.
RATIO = ("(x/y + y/x)/2 - 1", {"x": "positive", "y": "positive"})


@pytest.fixture(scope="module")
def ratio():
    loss = lossgen.compile(RATIO[0], domains=RATIO[1]).spec
    return loss, compile_variant(loss, loss.variants[0])


def functions(compiled):
    return {kernel.kind: kernel.function for kernel in compiled.kernels.kernels}


def test_the_form_that_fails_least_is_chosen(ratio):
    record = ratio[1].choices["kernels"]["gradient"]["grad_x"]
    first, *rest = record["candidates"]
    assert "tree" in record
    assert first["failed"] == 0
    assert [one["failed"] for one in rest if one["form"] == "lifted and cleaned"] > [0]
    assert {"lifted", "cleaned", "naive"} <= {one["form"] for one in rest}
    failed = [one["failed"] for one in rest]
    assert failed == sorted(failed)


def test_what_several_kernels_compute_has_one_form(ratio):
    record = ratio[1].choices["kernels"]
    assert len({json.dumps(record[kind]["result0"]["tree"]) for kind in ("value", "gradient")}) == 1


def test_the_chosen_form_runs():
    loss = lossgen.compile(RATIO[0], domains=RATIO[1])
    x, y = np.float32(8.899332), np.float32(1.3574447e22)
    exact = (1 / np.float64(y) - np.float64(y) / np.float64(x) ** 2) / 2
    assert loss.grad(x, y, reduction="sum") == pytest.approx(exact, rel=1e-6)


def test_a_record_is_not_measured_again(ratio, monkeypatch):
    loss, first = ratio
    monkeypatch.setattr(choosing, "_Search", None)
    again = compile_variant(loss, loss.variants[0], known=json.loads(json.dumps(first.choices)))
    assert functions(again) == functions(first)
    assert again.choices == first.choices


def test_a_record_of_other_kernels_is(ratio):
    loss, first = ratio
    wrong = {"key": "0" * 32, "kernels": {}}
    assert compile_variant(loss, loss.variants[0], known=wrong).choices == first.choices


@pytest.mark.parametrize(("loss", "variant"), [p for p in VARIANTS if p.values[0].structure == "elementwise"])
def test_trees_have_the_bits_of_kernels_but_for_functions(loss, variant):
    """What the search measures is what runs: arithmetic is the same, functions differ in their last bit."""
    shipped = getattr(lossgen.losses, loss.name)
    points = Points(loss, variant, oracle(variant.program), 6, 3)
    kernel = functions(compile_variant(loss, variant))["values"]
    assert plain_kernel(kernel)
    forest = Forest(points, kernel.arguments, kernel.wide)
    (output,) = outputs("values", kernel)
    found = forest.values(forest.plant(kernel)[output.name])
    called = {e.name for e in ir.expressions(kernel.body) if isinstance(e, ir.Op)}
    called |= {e.name for value in kernel.returns for e in ir.subexpressions(value) if isinstance(e, ir.Op)}
    arrangement = Arrangement(loss, variant)
    for dtype in DTYPES:
        for k, (sampler, case) in enumerate(points.cases[dtype]):
            want = shipped(**arrangement.arrays([case]), reduction="none")[0]
            if called <= {"add", "sub", "mul", "div", "neg", "abs", "select", "le", "lt", "ge", "gt"}:
                np.testing.assert_array_equal(found[dtype][k], want)
            elif sampler == "practical":
                np.testing.assert_allclose(found[dtype][k], want, rtol=32 * np.finfo(dtype).eps)
