"""Every identity of the search holds for real numbers, and is found where its left side stands."""

import ast
import operator
from itertools import product

import mpmath
import pytest

from lossgen.lower import ir
from lossgen.search.rules import RULES, alternatives, planted
from lossgen.search.trees import Forest, Node

LETTERS = ("a", "b", "c", "d")
NUMBERS = (-1.75, 0.375, 2.5)
FUNCTIONS = {
    "sqrt": mpmath.sqrt,
    "exp": mpmath.exp,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "expm1": mpmath.expm1,
    "hypot": mpmath.hypot,
    "sqdiv": lambda a, b: a * a / b,
    "sqr": lambda a: a * a,
    "gated": operator.mul,
    "timesexp": lambda a, b: a * mpmath.exp(b),
    "log1psq": lambda a: mpmath.log1p(a * a),
    "inv1psq": lambda a: 1 / (1 + a * a),
    "over1psq": lambda a: a / (1 + a * a),
}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}


def real(tree, numbers):
    """Return what a text is, or raise ArithmeticError where a part of it is no real number."""
    match tree:
        case ast.Name(id=name):
            return numbers[name]
        case ast.Constant(value=value):
            return mpmath.mpf(value)
        case ast.BinOp(left=left, op=op, right=right):
            found = OPERATORS[type(op)](real(left, numbers), real(right, numbers))
        case ast.UnaryOp(op=op, operand=operand):
            found = OPERATORS[type(op)](real(operand, numbers))
        case ast.Call(func=ast.Name(id=name), args=args):
            found = FUNCTIONS[name](*(real(arg, numbers) for arg in args))
    if isinstance(found, mpmath.mpc):
        raise ArithmeticError
    return found


@pytest.mark.parametrize(("left", "right"), RULES)
def test_both_sides_are_equal(left, right):
    seen = 0
    with mpmath.workdps(40):
        for values in product(map(mpmath.mpf, NUMBERS), repeat=len(LETTERS)):
            numbers = dict(zip(LETTERS, values, strict=True))
            try:
                one, two = (real(ast.parse(text, mode="eval").body, numbers) for text in (left, right))
            except ArithmeticError:
                continue
            assert mpmath.almosteq(one, two, rel_eps=1e-30, abs_eps=1e-30), (values, one, two)
            seen += 1
    assert seen >= 5


@pytest.mark.parametrize(("left", "right"), RULES)
def test_it_is_found(left, right):
    forest = Forest(None, (), wide=False)
    names = {name: forest.node(Node("var", (), "float", ir.Var(name, "float"))) for name in LETTERS}
    start, end = (planted(forest, text, names) for text in (left, right))
    assert end in alternatives(forest, start)
