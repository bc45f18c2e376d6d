"""Every rule of the table is an exact identity, fires on its own examples and says what it avoids."""

from __future__ import annotations

import random
from typing import Any

import mpmath
import pytest
import sympy as sp

from lossgen.algebra.nodes import Reduction, Where
from lossgen.algebra.tensors import Element
from lossgen.stabilize.rewriter import Rewriter
from lossgen.stabilize.rule import PHASES, I, M, P, Rule, W
from lossgen.stabilize.rules import RULES, rules_of
from tests.stabilize.evaluate import DIGITS, HIGH, evaluate
from tests.stabilize.points import point

POINTS = 12
EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.name}-{k}")
    for rule in RULES
    for k, example in enumerate(rule.examples())
]


def same(a: Any, b: Any, digits: int) -> bool:
    return bool(abs(a - b) <= mpmath.mpf(10) ** -digits * max(1, abs(a), abs(b)))


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_rule_fires_and_keeps_the_value(rule: Rule, example: sp.Expr) -> None:
    result = rule.apply(example)
    assert result is not None
    assert result != example
    source = random.Random(rule.name)
    with mpmath.workdps(DIGITS):
        for _ in range(POINTS):
            values = point(sp.Tuple(example, result), source)
            before, after = evaluate(example, values, HIGH), evaluate(result, values, HIGH)
            assert same(before, after, 60), (values, before, after)


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_rule_keeps_the_slope(rule: Rule, example: sp.Expr) -> None:
    """Central differences of both sides agree: an identity at isolated points would not do before
    differentiation.
    """
    result = rule.apply(example)
    source = random.Random(rule.name + "slope")
    step = mpmath.mpf(10) ** -30
    with mpmath.workdps(DIGITS):
        values = point(sp.Tuple(example, result), source)
        for name in sorted({e.tensor.name for e in example.atoms(Element) if e.tensor.dtype == "float"}):
            slopes = []
            for side in (example, result):
                up, down = (evaluate(side, nudged(values, name, s * step), HIGH) for s in (1, -1))
                slopes.append((up - down) / (2 * step))
            assert same(*slopes, 40), (name, values)


def nudged(values: dict[str, Any], name: str, step: Any) -> dict[str, Any]:
    old = values[name]
    return values | {name: [old[0] + step, *old[1:]] if isinstance(old, list) else old + step}


def test_branches_that_keep_a_node_end_in_sums_too() -> None:
    """A branch with the node itself is not rewritten again; inside of a sum there is no such branch."""
    for power in (P ** (W - 1), M[I] ** (W - 1)):
        expr = 1 / power.base - power
        total = Reduction("sum", expr, I) if expr.has(I) else expr
        assert Rewriter(rules_of("clean"))(total).has(Where) is not total.has(Reduction)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_is_described(rule: Rule) -> None:
    assert rule.doc
    assert rule.examples()
    assert rule.phases
    assert set(rule.phases) <= set(PHASES)
    assert all(isinstance(example, rule.heads) for example in rule.examples())


def test_names_are_unique() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)


def test_a_wrong_rule_is_noticed() -> None:
    x = next(iter(rules_of("lift"))).examples()[0].atoms(Element)
    source = random.Random(0)
    expr = sp.exp(sp.Add(*x))
    values = point(expr, source)
    with mpmath.workdps(DIGITS):
        assert not same(
            evaluate(expr, values, HIGH), evaluate(expr + sp.Rational(1, 10**50), values, HIGH), 60
        )


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
@pytest.mark.parametrize("phase", ["lift", "clean"])
def test_rules_together_end_and_agree(rule: Rule, example: sp.Expr, phase: str) -> None:
    """All rules of a phase, applied to the end, neither run in circles nor change the value."""
    rewriter = Rewriter(rules_of(phase))
    result = rewriter(example)
    assert Rewriter(rules_of(phase))(result) == result
    source = random.Random(rule.name + phase)
    with mpmath.workdps(DIGITS):
        values = point(sp.Tuple(example, result), source)
        assert same(evaluate(example, values, HIGH), evaluate(result, values, HIGH), 60)
