"""Curvature rules by the exact expression: parabolas lie above the loss, bounds above the Hessian."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import lossgen.losses
from lossgen.algebra.tensors import Element
from lossgen.derive.routines import routines
from lossgen.errors import LossError
from lossgen.oracle.evaluate import Case, Oracle, Request
from lossgen.oracle.weights import Weights
from lossgen.spec.program import Term
from lossgen.spec.registry import load
from lossgen.stabilize.clean import clean
from lossgen.stabilize.curvature.rules import curvature_rules
from lossgen.stabilize.lift import lift

from .discovery import DEFAULTS, LOSSES, UNSEEN, subject

RULES = ("bound", "irls")


def rule_of(package, loss, variant, name):
    entry = package.all()[loss.name].entry
    return next(v.curvature[name] for v in entry.variants if v.suffix == variant.suffix)


def having(name, losses, package):
    return [
        pytest.param(loss, variant, id=f"{loss.name}-{variant.suffix or 'default'}")
        for loss in losses
        for variant in loss.variants
        if rule_of(package, loss, variant, name).kind
    ]


WEIGHTED = having("irls", LOSSES, lossgen.losses)


def certainly_above(loss, variant, package):
    """Touch the loss with the parabola of a weight at one residual, and compare them at others."""
    it = subject(loss, variant, count=8, package=package)
    oracle = Weights(variant.program)
    x, y = oracle.names
    judged = 0
    for here in it.cases:
        weight = oracle.truth(here, Request("irls", (x, ()))).ball
        if weight is None or not weight.is_finite():
            continue
        r = float(here.inputs[x]) - float(here.inputs[y])
        for other in [float(case.inputs[x]) for case in it.cases] + [0.0, -r, r / 2, 8 * r]:
            there = at(here, oracle, other)
            value, start = (
                oracle.truth(case, Request("value"), np.longdouble).ball
                for case in (there, at(here, oracle, r))
            )
            parabola = start + weight * (other**2 - r**2) / 2
            slack = 1e-15 * (abs(start) + weight * (other**2 + r**2))
            assert value < parabola + slack + 1e-300, (loss.name, variant.suffix, here, other)
            judged += other != r
    return judged


def at(case, oracle, r):
    x, y = oracle.names
    return Case({**case.inputs, x: np.array(r), y: np.array(0.0)})


ABOVE = [param for param in WEIGHTED if rule_of(lossgen.losses, *param.values, "irls").above]


@pytest.mark.parametrize(("loss", "variant"), ABOVE)
def test_a_weight_makes_a_parabola_above_the_loss(loss, variant):
    assert certainly_above(loss, variant, lossgen.losses) >= 8


def test_weights_of_the_unseen(package):
    found = having("irls", load(UNSEEN), package)
    assert found
    for loss, variant in (param.values for param in found):
        assert certainly_above(loss, variant, package) >= 8


def test_a_declaration_names_the_default(package):
    declared = [loss for loss in load(UNSEEN) if loss.curvature != "exact"]
    assert declared
    for loss in declared:
        it = subject(loss, loss.variants[0], package=package)
        derive, oracle = it.function.grad_and_hess, Weights(it.variant.program)
        assert inspect.signature(derive).parameters["curvature"].default == loss.curvature
        assert f"default {loss.curvature!r}" in derive.__doc__
        for given, kind in (({}, loss.curvature), ({"curvature": "exact"}, "hessian")):
            place = Request(kind, (oracle.names[0], ()))
            expected = [float(oracle.truth(case, place).ball) for case in it.cases]
            np.testing.assert_allclose(derive(**it.given, **given)[1], expected, rtol=1e-13)


@pytest.mark.parametrize(("loss", "variant"), WEIGHTED)
def test_no_weight_is_negative_or_nan(loss, variant):
    it = subject(loss, variant, count=8)
    (x, y) = Weights(variant.program).names
    ties = [Case({**case.inputs, y: case.inputs[x]}) for case in it.cases]
    for cases in (it.cases, ties):
        grad, weight = it.function.grad_and_hess(**it.of(cases), curvature="irls")
        assert (weight >= 0).all()
        np.testing.assert_array_equal(grad, it.function.grad_and_hess(**it.of(cases))[0])


BOUNDED = having("bound", LOSSES, lossgen.losses)


def formula_of_bound(variant):
    """Return the bound as derived: by prediction, its positions and expression for a weight of 1."""
    lifted = lift(variant.program)
    rule = curvature_rules(variant.program, lifted, clean(routines(lifted)["hessian"]))["bound"]
    return {
        assign.target.tensor.name.removeprefix("hess_"): (
            assign.target.positions,
            assign.expr.xreplace(
                {e: sp.S.One for e in assign.expr.atoms(Element) if e.tensor.role == "weight"}
            ),
        )
        for assign in rule.curvatures
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("loss", "variant"), BOUNDED)
def test_a_bound_is_its_formula_and_not_below_the_hessian(loss, variant, dtype):
    it = subject(loss, variant, count=6, dtype=dtype)
    _, found = it.function.grad_and_hess(**it.given, curvature="bound")
    results = dict(zip(it.predictions, found if isinstance(found, tuple) else (found,), strict=True))
    for name, (positions, expr) in formula_of_bound(variant).items():
        judge = Oracle(replace(variant.program, terms=(Term(expr, items=positions),)))
        shape = it.cases[0].inputs[name].shape
        rows = it.arrangement.split(name, results[name], shape)
        for case, row in zip(it.cases, rows, strict=True):
            for place in np.ndindex(shape):
                bound = judge.truth(case, Request("value", item=place), dtype).ball
                exact = it.oracle.truth(case, Request("hessian", (name, place)), dtype).ball
                assert row[place] == pytest.approx(float(bound.mid()), rel=float(8 * np.finfo(dtype).eps))
                assert exact <= bound or float(abs(exact - bound)) <= 1e-30


MISSING = [
    pytest.param(*param.values, name, id=f"{param.id}-{name}")
    for param in DEFAULTS
    for name in RULES
    if rule_of(lossgen.losses, *param.values, name).kind is None
]


@pytest.mark.parametrize(("loss", "variant", "name"), MISSING)
def test_a_missing_rule_says_why_and_what_else_there_is(loss, variant, name):
    it = subject(loss, variant, count=2)
    with pytest.raises(LossError) as error:
        it.function.grad_and_hess(**it.given, curvature=name)
    named = "curvature='exact'" if it.has_hessian else "hvp"
    assert named in str(error.value)
    assert not it.has_hessian or rule_of(lossgen.losses, loss, variant, name).reason in str(error.value)


def test_some_losses_have_rules_and_some_have_not():
    assert ABOVE
    assert BOUNDED
    assert MISSING
