"""The tree of a formula as an expression: names become numbers of one sample, constants stay exact."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.errors import FormulaError
from lossgen.spec.functions import FUNCTIONS, Function
from lossgen.spec.grammar import Node

__all__ = ["CONSTANTS", "names", "translate"]

CONSTANTS: Mapping[str, sp.Expr] = {"pi": sp.pi, "E": sp.E}

# A constant is a float64 in the end. Larger ones are refused before SymPy writes out their digits.
_MOST_BITS = 1023.0
# Powers of constants that add fewer bits are 1 in float64; SymPy, which wants to know on which side of 1 they
# lie, makes polynomials of them that fill the memory.
_LEAST_BITS = 2.0**-54
# Largest constant exponent of something that is no constant: its derivatives are written as products.
_MOST_POWER = 1024
# Arguments of Max and Min, which SymPy compares in pairs.
_MOST_COMPARED = 16

_RELATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge, "==": sp.Eq, "!=": sp.Ne,
}  # fmt: skip
_CONDITIONS = ("compare", "and", "or", "not")


def names(tree: Node) -> list[Node]:
    """Return the first occurrence of each symbol, in order."""
    found: dict[str, Node] = {}
    todo = [tree]
    while todo:
        node = todo.pop()
        if node.kind == "name" and node.text not in CONSTANTS:
            known = found.get(node.text)
            found[node.text] = node if known is None or node.at < known.at else known
        todo.extend(node.args)
    return sorted(found.values(), key=lambda node: node.at)


def translate(tree: Node, text: str, symbols: Mapping[str, sp.Expr]) -> sp.Expr:
    """Return the expression that a tree means.

    Parameters
    ----------
    text : str
        The formula, for messages.
    symbols : mapping
        What each name stands for.

    Raises
    ------
    FormulaError
        Where a function is unknown or misused, a condition stands for a number, or a constant is no float64.
    """
    translator = _Translator(text, symbols)
    expr = translator.number(tree)
    translator.check_size(expr, tree)
    return expr


class _Translator:
    def __init__(self, text: str, symbols: Mapping[str, sp.Expr]) -> None:
        self.text = text
        self.symbols = symbols

    def wrong(self, message: str, node: Node) -> FormulaError:
        return FormulaError(message, self.text, node.at)

    def number(self, node: Node) -> sp.Expr:
        """Return a numeric part."""
        if self._is_condition(node):
            raise self.wrong("a condition is no number: write where(condition, 1, 0)", node)
        expr = self._numeric(node)
        if expr.is_number:
            self._check_constant(expr, node)
        elif expr.has(sp.I, sp.zoo, sp.nan):
            raise self.wrong("this is no real number, whatever its symbols are", node)
        return expr

    def condition(self, node: Node) -> Boolean:
        """Return a condition."""
        match node.kind:
            case "and":
                return sp.And(*map(self.condition, node.args))
            case "or":
                return sp.Or(*map(self.condition, node.args))
            case "not":
                return sp.Not(self.condition(node.args[0]))
            case "compare":
                sides = [self.number(part) for part in node.args]
                signs = node.text.split(" ")
                pairs = zip(signs, sides, sides[1:], strict=False)
                return sp.And(*(_RELATIONS[sign](left, right) for sign, left, right in pairs))
        if self._is_condition(node):
            function = FUNCTIONS[node.text]
            return function.build(*self._arguments(node, function))
        raise self.wrong("a condition is needed here, such as x < y", node)

    def _is_condition(self, node: Node) -> bool:
        relation = node.kind == "call" and node.text in FUNCTIONS and node.text in _RELATION_NAMES
        return node.kind in _CONDITIONS or relation

    def _numeric(self, node: Node) -> sp.Expr:
        match node.kind:
            case "number":
                return sp.Rational(node.number.numerator, node.number.denominator)
            case "name":
                return CONSTANTS[node.text] if node.text in CONSTANTS else self.symbols[node.text]
            case "+":
                return sp.Add(*map(self.number, node.args))
            case "*":
                return sp.Mul(*map(self.number, node.args))
            case "negative":
                return -self.number(node.args[0])
            case "inverse":
                divisor = self.number(node.args[0])
                if divisor.is_zero:
                    raise self.wrong("this divides by zero", node)
                return 1 / divisor
            case "**":
                return self._power(node)
        return self._call(node)

    def _power(self, node: Node) -> sp.Expr:
        base, exponent = map(self.number, node.args)
        if exponent.is_number:
            size = abs(float(exponent))
            if not base.is_number:
                if size > _MOST_POWER:
                    raise self.wrong(f"the exponent is beyond {_MOST_POWER}", node)
            elif base.is_zero:
                if not exponent.is_positive:
                    raise self.wrong("0 has positive powers only", node)
            elif size * self._bits(base) > _MOST_BITS:
                raise self.wrong("this constant is beyond float64", node)
            elif 0 < size * self._bits(base) < _LEAST_BITS:
                raise self.wrong("this constant is 1 in all digits of float64", node)
        return base**exponent

    @staticmethod
    def _bits(base: sp.Expr) -> float:
        """Return how many binary digits one more factor `base` adds, written as a fraction if it is one."""
        if isinstance(base, sp.Rational):
            return math.log2(max(abs(int(base.p)), int(base.q)))
        return abs(math.log2(abs(float(base))))

    def _call(self, node: Node) -> sp.Expr:
        function = FUNCTIONS.get(node.text)
        if function is None:
            close = difflib.get_close_matches(node.text, FUNCTIONS, n=1, cutoff=0.5)
            hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(sorted(FUNCTIONS))}"
            raise self.wrong(f"`{node.text[:40]}` is no function of formulas; {hint}", node)
        arguments = self._arguments(node, function)
        for argument, part in zip(arguments, node.args, strict=True):
            constant = isinstance(argument, sp.Expr) and argument.is_number
            if constant and abs(float(argument)) > function.largest:
                raise self.wrong(f"`{node.text}` of this constant is beyond float64", part)
        return function.build(*arguments)

    def _arguments(self, node: Node, function: Function) -> list[Any]:
        takes = function.takes
        if takes == "n+":
            if not 2 <= len(node.args) <= _MOST_COMPARED:
                raise self.wrong(
                    f"`{node.text}` takes 2 to {_MOST_COMPARED} arguments, got {len(node.args)}", node
                )
            takes = "n" * len(node.args)
        if len(node.args) != len(takes):
            raise self.wrong(f"`{node.text}` takes {len(takes)} argument(s), got {len(node.args)}", node)
        return [
            self.condition(part) if kind == "c" else self.number(part)
            for kind, part in zip(takes, node.args, strict=True)
        ]

    def _check_constant(self, expr: sp.Expr, node: Node) -> None:
        if expr.has(sp.zoo, sp.oo, sp.nan, sp.I) or expr.is_extended_real is False:
            raise self.wrong("this constant is no finite real number", node)
        if not _value(expr).is_extended_real:
            raise self.wrong("this constant is no finite real number", node)
        if not _is_float(expr):
            raise self.wrong("this constant is beyond float64", node)

    def check_size(self, expr: sp.Expr, node: Node) -> None:
        """Check what SymPy has put together: constants that were multiplied, powers of powers."""
        for part in sp.preorder_traversal(expr):
            if isinstance(part, sp.Expr) and part.is_number:
                if not _is_float(part):
                    raise self.wrong("the constants of this formula make one that is beyond float64", node)
            elif isinstance(part, sp.Pow) and part.exp.is_number and abs(float(part.exp)) > _MOST_POWER:
                raise self.wrong(
                    f"the powers of this formula multiply to one that is beyond {_MOST_POWER}", node
                )


_RELATION_NAMES = ("Eq", "Ne", "Lt", "Le", "Gt", "Ge")


def _value(constant: sp.Expr) -> sp.Expr:
    return constant if isinstance(constant, sp.Rational) else constant.evalf(15)


def _is_float(constant: sp.Expr) -> bool:
    """Tell whether a real constant is 0 or has the magnitude of normal float64 numbers."""
    value = _value(constant)
    if isinstance(value, sp.Rational):
        bits = abs(int(value.p)).bit_length() - int(value.q).bit_length()
    else:
        _, _, exponent, size = value._mpf_
        bits = exponent + size
    return value == 0 or -_MOST_BITS < bits < _MOST_BITS
