"""Curvature rules of formulas that nobody ships: which exist, and whether they are right by the oracle."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from lossgen.algebra.tensors import Element
from lossgen.derive.routines import routines
from lossgen.oracle.evaluate import Case, Oracle, Request
from lossgen.oracle.weights import Weights
from lossgen.spec.formula import formula
from lossgen.spec.program import Term
from lossgen.stabilize.clean import clean
from lossgen.stabilize.curvature.rules import curvature_rules
from lossgen.stabilize.lift import lift

# A power of a mixture of sigmoids times the cross-entropy.
MIXED = (
    "-(y*(1 - 1/(1 + exp(-x))) + (1 - y)/(1 + exp(-x)))**c"
    "*(y*log(1/(1 + exp(-x))) + (1 - y)*log(1/(1 + exp(x))))"
)
# By formula: domain of y, the rules that it has, whether parabolas with its weights lie above it.
FORMULAS = {
    "log(cosh(x - y))": ("real", {"bound", "irls"}, True),
    "sqrt(1 + (x - y)**2)": ("real", {"bound", "irls"}, True),
    "c**2/2*log(1 + ((x - y)/c)**2)": ("real", {"bound", "irls"}, True),
    "(x - y)**2/(2*(c**2 + (x - y)**2))": ("real", {"bound", "irls"}, True),
    "c**2/2*(1 - exp(-((x - y)/c)**2))": ("real", {"bound", "irls"}, True),
    "where(Abs(x - y) < c, c**2/6*(1 - (1 - ((x - y)/c)**2)**3), c**2/6)": ("real", {"bound", "irls"}, True),
    "c**2*(Abs(x - y)/c - log(1 + Abs(x - y)/c))": ("real", {"bound", "irls"}, True),
    "where(Abs(x - y) < c, (x - y)**2/2, c**2/2)": ("real", {"bound", "irls"}, True),
    "where(Abs(x - y) < c, (x - y)**2/2, c**2)": ("real", {"irls"}, False),
    "Max(Abs(x - y) - c, 0)**2": ("real", {"bound", "irls"}, False),
    "(x - y)**4": ("real", {"irls"}, False),
    "-log(cosh(x - y))": ("real", set(), False),
    "1 - exp(-Abs(x - y)/c)": ("real", {"irls"}, True),
    "where(x >= y, c*(x - y)**2, (x - y)**2)": ("real", {"bound"}, False),
    "exp(x) - y*x": ("nonnegative", set(), False),
    "exp(-y*x)": ("sign", set(), False),
    "log(1 + exp(-y*x))": ("sign", {"bound"}, False),
    "log(1 + exp(x)) - y*x": ("unit", {"bound"}, False),
    "Max(0, 1 - y*x)**2": ("sign", {"bound"}, False),
    "Max(0, 1 - y*x)": ("sign", set(), False),
    "(1/(1 + exp(-x)) - y)**2": ("unit", {"bound"}, False),
    MIXED: ("unit", {"bound"}, False),
    "(1 - 1/(1 + exp(-y*x)))**c*log(1 + exp(-y*x))": ("sign", {"bound"}, False),
    "x*y": ("real", set(), False),
}
GRID = (-40.0, -3.0, -1.25, -0.5, -1e-3, 0.0, 1e-9, 0.5, 1.0, 1.75, 12.0)
TARGETS = {"real": (0.0, 0.75), "nonnegative": (0.0, 2.5), "unit": (0.0, 0.25, 1.0), "sign": (-1.0, 1.0)}


@pytest.mark.parametrize("text", FORMULAS)
def test_rules_of_a_formula(text):
    domain, having, above = FORMULAS[text]
    domains = {"y": domain} | ({"c": "positive"} if "c" in text.replace("cosh", "") else {})
    program = formula(text, domains).variants[0].program
    lifted = lift(program)
    rules = curvature_rules(program, lifted, clean(routines(lifted)["hessian"]))
    assert {name for name, rule in rules.items() if rule.kind} == having
    assert all(rule.reason for name, rule in rules.items() if name not in having)
    assert rules["irls"].above == above
    judged = Weights(program) if "irls" in having else Oracle(program)
    for name in having:
        (assign,) = rules[name].curvatures
        weights = {e: sp.S.One for e in assign.expr.atoms(Element) if e.tensor.role == "weight"}
        oracle = Oracle(replace(program, terms=(Term(assign.expr.xreplace(weights)),)))
        for x in GRID:
            for y in TARGETS[domain]:
                given = {"x": x, "y": y, "c": 1.5}
                case = Case({t.name: np.array(given[t.name]) for t in program.inputs})
                found = oracle.truth(case, Request("value")).ball
                kind = "hessian" if name == "bound" else name
                exact = judged.truth(case, Request(kind, ("x", ()))).ball
                if name == "bound":
                    assert found.is_finite(), (x, y)
                    assert found >= 0, (x, y)
                    assert not exact > found + 1e-25, (x, y)
                else:
                    assert float(found.mid()) == pytest.approx(float(exact.mid()), rel=1e-14), (x, y)
