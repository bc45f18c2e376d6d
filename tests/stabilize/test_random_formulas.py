"""Formulas nobody thought of: outputs mean the same after every stage of rewriting as derived plainly."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import mpmath
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from lossgen.derive.routines import routines
from lossgen.errors import LossError
from lossgen.pipeline.entry import formula_spec
from lossgen.pipeline.staged import staged
from lossgen.spec.model import Variant

from .evaluate import DIGITS, HIGH
from .interpret import run_routine
from .points import entry

# The quantity that most of a formula depends on, by the domains of predictions and targets.
CORES = {
    ("real", "real"): "(x - y)",
    ("real", "sign"): "(x*y)",
    ("real", "unit"): "x",
    ("real", "nonnegative"): "x",
    ("positive", "positive"): "(x/y)",
    ("unit", "unit"): "x",
}
KINDS = ("values", "gradient_all", "hessian")
# The coefficients of series are rounded once.
CLOSE = mpmath.mpf(10) ** -11


def _sums(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    positive = st.builds(
        str.format,
        st.sampled_from(("exp({0})", "(1 + exp({0}))", "(1 + ({0})**2)", "(c + ({0})**2)", "(1 + Abs({0}))",
                         "sqrt(c + ({0})**2)", "cosh({0})", "c")),
        part,
    )  # fmt: skip
    return st.one_of(
        st.builds("({} + {})".format, part, part),
        st.builds("({} - {})".format, part, part),
        st.builds("({})*({})".format, part, part),
        st.builds("({})/({})".format, part, positive),
        st.builds("log({})".format, positive),
        st.builds("({})**({})".format, positive, st.sampled_from(("c", "2", "1/2", "c - 1", "-1", "1 - c"))),
        st.builds("{}({})".format, st.sampled_from(("tanh", "atan", "Abs", "asinh", "erf", "sin")), part),
        st.builds("({})**{}".format, part, st.sampled_from((2, 3))),
        st.builds("where({} > {}, {}, {})".format, part, st.sampled_from((0, 1)), part, part),
        st.builds("{}({}, {})".format, st.sampled_from(("Max", "Min")), part, st.sampled_from((0, 1))),
    )


@st.composite
def _formulas(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    (x, y), core = draw(st.sampled_from(sorted(CORES.items())))
    leaves = st.sampled_from((core, core, core, "x", "y", "c", "1", "2", f"c*{core}", f"{core}/c"))
    return draw(st.recursive(leaves, _sums, max_leaves=5)), {"x": x, "y": y, "c": "positive"}


def _variant(text: str, domains: Mapping[str, str]) -> Variant | None:
    """Return what a formula means, None if it is refused: it may have no prediction, or be 0/0."""
    used = {
        name: domain for name, domain in domains.items() if name != "c" or "c" in text.replace("cosh", "")
    }
    try:
        return formula_spec(text, used, {"c": 1.5} if "c" in used else {}).variant()
    except LossError:
        return None


def _flat(outputs: Mapping[str, Any]) -> list[Any]:
    return [*outputs["results"], *(value for name, value in sorted(outputs.items()) if name != "results")]


def _same(before: Any, after: Any) -> bool:
    if not mpmath.isfinite(before):
        return True  # 0/0 as it is written down may have a limit
    return bool(abs(after - before) <= CLOSE * abs(before) + mpmath.mpf(10) ** -60)


@pytest.mark.full
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(_formulas())
# These were not compiled at all.
@example(("log(1 + (sqrt(c + (x - y)**2)**(1 - c))**2)", {"x": "real", "y": "real", "c": "positive"}))
@example(("x/y/(c + 1) + (c + 1)**(1/2)", {"x": "positive", "y": "positive", "c": "positive"}))
@example(("(x - y)/exp(x)/(1 + ((x - y)/exp(x - y))**2)", {"x": "real", "y": "real"}))
@example(("(c*x*c - where(y > 1, x, c*x))/exp(x/y)", {"x": "unit", "y": "unit", "c": "positive"}))
def test_stages_keep_the_meaning(formula: tuple[str, dict[str, str]]) -> None:
    variant = _variant(*formula)
    assume(variant is not None)
    assert variant is not None
    plain, stages = routines(variant.program), staged(variant).branched
    source = random.Random(0)
    with mpmath.workdps(DIGITS):
        for _ in range(4):
            values = {tensor.name: entry(tensor, source) for tensor in plain["hvp"].inputs}
            for kind in KINDS:
                before, after = (_flat(run_routine(one[kind], values, HIGH)) for one in (plain, stages))
                assert all(map(_same, before, after)), (kind, values, before, after)
