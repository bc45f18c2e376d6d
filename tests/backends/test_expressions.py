"""Printed expressions mean what the tree says, on one line and broken over many."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossgen.backends.numba_cpu import expressions
from lossgen.backends.numba_cpu.expressions import Expressions
from lossgen.lower import ir

NAMES = {"residual": 3.0, "weight": -0.5, "largest_of_all": 7.25, "k": 2.0}
ARITHMETIC = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv}
RELATIONS = {"lt": operator.lt, "ge": operator.ge, "eq": operator.eq}

leaves = st.sampled_from([ir.Var(name, "float") for name in NAMES])


def extended(parts):
    pairs = st.tuples(parts, parts)
    return st.one_of(
        st.builds(lambda name, args: ir.Op(name, args, "float"), st.sampled_from(sorted(ARITHMETIC)), pairs),
        st.builds(lambda arg: ir.Op("neg", (arg,), "float"), parts),
        st.builds(
            lambda relation, pair, chosen: ir.Op("select", (ir.Op(relation, pair, "bool"), *chosen), "float"),
            st.sampled_from(sorted(RELATIONS)),
            pairs,
            pairs,
        ),
    )


trees = st.recursive(leaves, extended, max_leaves=14)


def evaluated(expr):
    if isinstance(expr, ir.Var):
        return NAMES[expr.name]
    if expr.name == "neg":
        return -evaluated(expr.args[0])
    if expr.name == "select":
        test, a, b = expr.args
        return evaluated(a if RELATIONS[test.name](*map(evaluated, test.args)) else b)
    return ARITHMETIC[expr.name](*map(evaluated, expr.args))


@pytest.mark.parametrize("width", [1000, 60, 30])
@settings(max_examples=200, deadline=None)
@given(tree=trees)
def test_printed_expressions_keep_their_meaning(width, tree):
    try:
        wanted = evaluated(tree)
    except ZeroDivisionError:
        return
    before = expressions.WIDTH
    expressions.WIDTH = width
    try:
        text = "\n".join(Expressions({}).broken(tree, "result = ", ""))
    finally:
        expressions.WIDTH = before
    names = dict(NAMES)
    exec(text, {}, names)
    assert names["result"] == wanted, text
