"""How often kernels go over their data, counted in the loops of every shipped variant."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import lossgen.losses
from lossgen.derive.routines import prepass, routines
from lossgen.lower import ir, lower, passes_over
from lossgen.lower.prepass import prepass_routine
from lossgen.stabilize.clean import clean
from lossgen.stabilize.lift import lift
from tests.shipped import VARIANTS

MANIFEST = json.loads((Path(lossgen.losses.__path__[0]) / "manifest.json").read_text())["losses"]
# Each of their samples is small and stays in cache while its kernel runs.
SMALL = [p for p in VARIANTS if p.values[0].structure in ("elementwise", "row")]
LARGE = [p for p in VARIANTS if p not in SMALL]
# A softmax over classes is a stage before the sums.
RATIOS = [p for p in VARIANTS if p.values[0].structure == "reduce" and not p.values[1].program.stages]
COMPOSITES = [p for p in VARIANTS if len(p.values[1].program.terms) > 1]


def kernel(program, kind):
    return lower(clean(routines(lift(program))[kind]))


def passes(program, kind):
    function = kernel(program, kind)
    return max(passes_over(function, tensor.name) for tensor in program.predictions)


def stated(loss, variant):
    return next(v["passes"] for v in MANIFEST[loss.name]["variants"] if v["suffix"] == variant.suffix)


def loaded(function):
    every = [*ir.expressions(function.body), *(e for r in function.returns for e in ir.subexpressions(r))]
    return {e.array for e in every if isinstance(e, ir.Load)} | {
        e.name for e in every if isinstance(e, ir.Var)
    }


@pytest.mark.parametrize(("loss", "variant"), SMALL)
def test_small_samples_take_one_pass(loss, variant):
    """One kernel gives value and gradient of a sample; what is known before reads no prediction."""
    assert stated(loss, variant) == {"value": 1, "gradient": 1}
    predictions = {tensor.name for tensor in variant.program.predictions}
    function = kernel(variant.program, "gradient")
    assert function.numerators == 1
    written = {*function.array_outputs, *function.scalar_outputs}
    assert written == {f"grad_{name}" for name in predictions}
    before = prepass(lift(variant.program))
    if before is not None:
        over = {p.name: p.over for p in loss.parameters if p.over is not None}
        checks = lower(prepass_routine(before, over, variant.program.inputs))
        assert not loaded(checks) & predictions


def test_some_small_sample_has_a_prepass():
    assert [p for p in SMALL if prepass(lift(p.values[1].program)) is not None]


@pytest.mark.parametrize(("loss", "variant"), [p for p in SMALL if not p.values[0].axes])
def test_elements_are_read_outside_loops(loss, variant):
    function = kernel(variant.program, "gradient")
    assert not [s for s in ir.statements(function.body) if isinstance(s, ir.Loop)]


@pytest.mark.parametrize(("loss", "variant"), LARGE)
def test_stated_passes_are_those_of_the_loops(loss, variant):
    counted = {kind: passes(variant.program, kind) for kind in ("value", "gradient")}
    assert stated(loss, variant) == counted
    assert counted["value"] >= 1


def site_loops(program, kind):
    """Loops over the last axis of the prediction, those inside loops over classes too."""
    (prediction,) = program.predictions
    extent = prediction.axes[-1].name
    loops = [s for s in ir.statements(kernel(program, kind).body) if isinstance(s, ir.Loop)]
    return [loop for loop in loops if loop.extent == ir.Var(extent, "int")]


def reads_prediction(program, loop):
    (prediction,) = program.predictions
    return any(isinstance(e, ir.Load) and e.array == prediction.name for e in ir.expressions((loop,)))


@pytest.mark.parametrize(("loss", "variant"), RATIOS)
def test_ratios_of_sums(loss, variant):
    """All sums in one pass, and the gradient in a second one where it reads the predictions again."""
    program = variant.program
    assert sum(reads_prediction(program, loop) for loop in site_loops(program, "value")) == 1
    loops = site_loops(program, "gradient")
    stores = [loop for loop in loops if any(isinstance(s, ir.Store) for s in ir.statements(loop.body))]
    assert len(stores) == 1
    assert sum(reads_prediction(program, loop) for loop in loops if loop not in stores) == 1


def test_ratios_are_judged():
    reading = {
        sum(
            reads_prediction(p.values[1].program, loop)
            for loop in site_loops(p.values[1].program, "gradient")
        )
        for p in RATIOS
    }
    assert reading == {1, 2}


@pytest.mark.parametrize(("loss", "variant"), COMPOSITES)
@pytest.mark.parametrize("kind", ["value", "gradient"])
def test_compositions_take_as_many_as_their_costlier_term(loss, variant, kind):
    program = variant.program
    alone = [passes(replace(program, terms=(term,)), kind) for term in program.terms]
    assert passes(program, kind) == max(alone)


def test_some_loss_is_a_composition():
    assert COMPOSITES
