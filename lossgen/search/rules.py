"""Identities between ordered expressions, from left to right: other orders, other groups, other functions.

They hold for real numbers, where both sides exist; which side is more accurate is measured, never assumed.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from fractions import Fraction
from functools import cache

from lossgen.search.trees import Forest

__all__ = ["RULES", "alternatives", "planted"]

RULES: tuple[tuple[str, str], ...] = (
    # products and quotients in another order
    ("(a * b) * c", "a * (b * c)"),
    ("(a * b) / c", "a * (b / c)"),
    ("a * (b / c)", "(a * b) / c"),
    ("(a / b) / c", "a / (b * c)"),
    ("a / (b * c)", "(a / b) / c"),
    ("a / (b * c)", "(a / c) / b"),
    ("(a * b) / (c * d)", "(a / c) * (b / d)"),
    ("a / (b / c)", "(a / b) * c"),
    ("a * (1 / b)", "a / b"),
    ("-a * b", "-(a * b)"),
    ("-a / b", "-(a / b)"),
    # sums in another order
    ("(a + b) + c", "a + (b + c)"),
    ("(a + b) - c", "a + (b - c)"),
    ("(a + b) - c", "(a - c) + b"),
    ("a - (b + c)", "(a - b) - c"),
    ("a - (b - c)", "(a - b) + c"),
    ("(a - b) + c", "(a + c) - b"),
    ("(a - b) - c", "a - (b + c)"),
    ("(a - c) - (b - c)", "a - b"),
    # common factors in and out
    ("a * b + a * c", "a * (b + c)"),
    ("a * b - a * c", "a * (b - c)"),
    ("a * b + a", "a * (b + 1)"),
    ("a * b - a", "a * (b - 1)"),
    ("a - a * b", "a * (1 - b)"),
    ("a / c + b / c", "(a + b) / c"),
    ("a / c - b / c", "(a - b) / c"),
    ("a * (b + c)", "a * b + a * c"),
    ("a * (b - c)", "a * b - a * c"),
    ("(a + b) / c", "a / c + b / c"),
    ("(a - b) / c", "a / c - b / c"),
    ("a / b + c", "(a + c * b) / b"),
    # numerator and denominator divided by a part of either
    ("a / (b + c)", "(a / c) / (b / c + 1)"),
    ("a / (b + c)", "1 / (b / a + c / a)"),
    ("a / (b - c)", "(a / c) / (b / c - 1)"),
    # squares and roots
    ("a * a - b * b", "(a - b) * (a + b)"),
    ("1 - a * a", "(1 - a) * (1 + a)"),
    ("sqrt(a) - sqrt(b)", "(a - b) / (sqrt(a) + sqrt(b))"),
    ("sqrt(a) - b", "(a - b * b) / (sqrt(a) + b)"),
    ("sqrt(a * a + b * b)", "hypot(a, b)"),
    ("sqrt(a * a + b)", "hypot(a, sqrt(b))"),
    ("a * a + b", "sqr(hypot(a, sqrt(b)))"),
    ("1 / (1 + a * a)", "inv1psq(a)"),
    ("a / (1 + a * a)", "over1psq(a)"),
    ("a * inv1psq(a)", "over1psq(a)"),
    ("a * inv1psq(sqdiv(a, b))", "over1psq(sqdiv(a, b)) * b / a"),
    ("(a * a) * inv1psq(sqdiv(a, b))", "over1psq(sqdiv(a, b)) * b"),
    ("log1p(sqdiv(a, b))", "log1psq(a / sqrt(b))"),
    ("sqdiv(a, b) / c", "sqdiv(a / c, b / c)"),
    ("sqdiv(a, b) / (c * c)", "sqdiv(a / c, b)"),
    ("sqdiv(a, b)", "a * (a / b)"),
    ("a * inv1psq(a * b)", "over1psq(a * b) / b"),
    # exponentials and logarithms
    ("exp(a) * exp(b)", "exp(a + b)"),
    ("exp(a) / exp(b)", "exp(a - b)"),
    ("exp(a) - exp(b)", "exp(b) * expm1(a - b)"),
    ("exp(a) * expm1(b)", "exp(a + b) - exp(a)"),
    ("a * exp(b) - c * exp(d)", "exp(d) * (a * exp(b - d) - c)"),
    ("exp(a) / b - c * exp(d)", "exp(d) * (exp(a - d) / b - c)"),
    ("exp(a * log1p(b)) / (b + 1)", "exp((a - 1) * log1p(b))"),
    ("exp(a) - 1", "expm1(a)"),
    ("1 - exp(a)", "-expm1(a)"),
    ("exp(a + b)", "exp(a) * exp(b)"),
    ("exp(a - b)", "exp(a) / exp(b)"),
    ("a * exp(b)", "timesexp(a, b)"),
    ("exp(a) / b", "timesexp(1 / b, a)"),
    ("timesexp(a, b) / c", "timesexp(a / c, b)"),
    ("timesexp(a, b) * c", "timesexp(a * c, b)"),
    ("log(a) - log(b)", "log(a / b)"),
    ("log(a) - log(b)", "log1p((a - b) / b)"),
    ("log(a) + log(b)", "log(a * b)"),
    ("log(a * b)", "log(a) + log(b)"),
    ("log(a / b)", "log(a) - log(b)"),
    ("log(1 + a)", "log1p(a)"),
    ("log1p(a * a)", "log1psq(a)"),
    # powers
    ("a ** b * a", "a ** (b + 1)"),
    ("a ** b / a", "a ** (b - 1)"),
    ("a / a ** b", "a ** (1 - b)"),
    ("(a * b) ** c", "a ** c * b ** c"),
    ("(a / b) ** c", "a ** c / b ** c"),
    ("a ** c * b ** c", "(a * b) ** c"),
    ("a ** c / b ** c", "(a / b) ** c"),
    ("a ** b * a ** c", "a ** (b + c)"),
    ("a ** b / a ** c", "a ** (b - c)"),
    ("a ** b", "exp(b * log(a))"),
    ("(a * a + b) ** c", "hypot(a, sqrt(b)) ** (2 * c)"),
    ("(a * a + 1) ** c", "exp(c * log1psq(a))"),
    ("(a * b + 1) ** c", "exp(c * log1p(a * b))"),
    ("a ** b - 1", "expm1(b * log(a))"),
    # zero times infinity
    ("a * b", "gated(a, b)"),
)

_OPERATORS: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow", ast.USub: "neg",
}  # fmt: skip
_COMMUTES = {"add", "mul", "hypot", "gated"}


@cache
def _parsed() -> dict[str, list[tuple[ast.expr, ast.expr]]]:
    """Return the rules by the operation on their left side."""
    found: dict[str, list[tuple[ast.expr, ast.expr]]] = {}
    for left, right in RULES:
        pattern, result = (ast.parse(text, mode="eval").body for text in (left, right))
        found.setdefault(_name(pattern), []).append((pattern, result))
    return found


def _name(pattern: ast.expr) -> str:
    match pattern:
        case ast.BinOp(op=op) | ast.UnaryOp(op=op):
            return _OPERATORS[type(op)]
        case ast.Call(func=ast.Name(id=name)):
            return name
    return ""


def _parts(pattern: ast.expr) -> list[ast.expr]:
    match pattern:
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.Call(args=args):
            return args
    return []


def alternatives(forest: Forest, number: int) -> list[int]:
    """Return what the rules make of a node, itself left out."""
    found: dict[int, None] = {}
    for pattern, result in _parsed().get(forest.nodes[number].name, ()):
        for bound in _matches(forest, number, pattern, {}):
            made = _built(forest, result, bound)
            if made != number:
                found[made] = None
    return list(found)


def _matches(forest: Forest, number: int, pattern: ast.expr, bound: dict[str, int]) -> list[dict[str, int]]:
    """Return all ways in which a node has the form of a pattern."""
    node = forest.nodes[number]
    if isinstance(pattern, ast.Name):
        if bound.get(pattern.id, number) != number or node.type != "float":
            return []
        return [{**bound, pattern.id: number}]
    if isinstance(pattern, ast.Constant):
        return [bound] if number == forest.constant(_number(pattern)) else []
    if node.name != _name(pattern):
        return []
    parts = _parts(pattern)
    orders = [node.args, node.args[::-1]] if node.name in _COMMUTES else [node.args]
    found: list[dict[str, int]] = []
    for args in dict.fromkeys(orders):
        states = [bound]
        for arg, part in zip(args, parts, strict=True):
            states = [more for state in states for more in _matches(forest, arg, part, state)]
        found += [state for state in states if state not in found]
    return found


def planted(forest: Forest, text: str, names: Mapping[str, int]) -> int:
    """Return the tree of one side of a rule, letters standing for other trees."""
    return _built(forest, ast.parse(text, mode="eval").body, names)


def _number(constant: ast.Constant) -> Fraction:
    assert isinstance(constant.value, int)
    return Fraction(constant.value)


def _built(forest: Forest, result: ast.expr, bound: Mapping[str, int]) -> int:
    if isinstance(result, ast.Name):
        return bound[result.id]
    if isinstance(result, ast.Constant):
        return forest.constant(_number(result))
    args = [_built(forest, part, bound) for part in _parts(result)]
    if _name(result) == "sqr":
        return forest.op("mul", args[0], args[0])
    return forest.op(_name(result), *args)
