"""Tokens to a tree, by binding strength (Pratt's method): the shape of a formula, not its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from lossgen.errors import FormulaError
from lossgen.spec.tokens import Token, tokens

__all__ = ["Node", "parse"]

# Parentheses, function calls, signs and powers inside each other.
MOST_DEPTH = 60

_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_WORDS = ("and", "or", "not")
# How tightly an operator holds what follows it; a power holds its right side before what is left of it.
_BINDING = {
    "or": 1, "and": 2, **dict.fromkeys(_COMPARISONS, 4), "+": 5, "-": 5, "*": 6, "/": 6, "**": 8,
}  # fmt: skip
_NOT, _SIGN = 3, 7


@dataclass(frozen=True)
class Node:
    """A part of a formula.

    Attributes
    ----------
    kind : str
        ``number``, ``name``, ``call``, ``+`` (terms), ``*`` (factors), ``**``, ``negative``, ``inverse``,
        ``compare``, ``and``, ``or`` or ``not``.
    at : int
        Where it stands in the text.
    args : tuple of Node
        Its parts.
    text : str
        Name of a symbol or function; the signs of a chain of comparisons, separated by spaces.
    number : Fraction
        Value of a number.
    """

    kind: str
    at: int
    args: tuple[Node, ...] = ()
    text: str = ""
    number: Fraction = Fraction(0)


def parse(text: str) -> Node:
    """Return the tree of a formula.

    Raises
    ------
    FormulaError
        Where the text is no formula.
    """
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.place = 0
        self.depth = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        token = self.next
        self.place += 1
        return token

    def wrong(self, message: str, token: Token) -> FormulaError:
        return FormulaError(message, self.text, token.at)

    def whole(self) -> Node:
        if self.next.kind == "end":
            raise self.wrong("the formula is empty", self.next)
        tree = self.expression(0)
        if self.next.kind != "end":
            raise self.wrong(self._leftover(), self.next)
        return tree

    def _leftover(self) -> str:
        token = self.next
        if token.text == ")":
            return "this `)` closes nothing"
        if token.text == ",":
            return "a comma separates the arguments of a function; a formula is one expression"
        if token.text == "//":
            return "a floor division has no useful derivative: write `/`"
        return f"an operator is missing before `{token.text[:20]}`"

    def expression(self, floor: int) -> Node:
        """Read operators that bind tighter than `floor`."""
        left = self.operand()
        while (binding := self._binding()) > floor:
            sign = self.next.text
            if sign in _COMPARISONS:
                left = self.comparison(left)
            elif sign == "**":
                at = self.take().at
                left = Node("**", at, (left, self.nested(binding - 1)))
            else:
                left = self.chain(left, binding)
        return left

    def _binding(self) -> int:
        token = self.next
        return _BINDING.get(token.text, 0) if token.kind in ("sign", "name") else 0

    def chain(self, first: Node, binding: int) -> Node:
        """Read ``a + b - c``, ``a * b / c`` or ``a and b`` as one node, however long it is."""
        kind = {5: "+", 6: "*"}.get(binding, self.next.text)
        parts = [first]
        at = self.next.at
        while self._binding() == binding:
            sign = self.take()
            part = self.expression(binding)
            wrap = {"-": "negative", "/": "inverse"}.get(sign.text)
            parts.append(part if wrap is None else Node(wrap, sign.at, (part,)))
        return Node(kind, at, tuple(parts))

    def comparison(self, first: Node) -> Node:
        parts, signs, at = [first], [], self.next.at
        while self.next.kind == "sign" and self.next.text in _COMPARISONS:
            signs.append(self.take().text)
            parts.append(self.expression(_BINDING["<"]))
        return Node("compare", at, tuple(parts), " ".join(signs))

    def nested(self, floor: int) -> Node:
        """Read an expression one level deeper."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise self.wrong(f"the formula is nested more than {MOST_DEPTH} levels deep", self.next)
        node = self.expression(floor)
        self.depth -= 1
        return node

    def operand(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return Node("number", token.at, number=token.number)
        if token.kind == "name" and token.text not in _WORDS:
            return self.named(token)
        match token.text:
            case "(":
                inside = self.nested(0)
                self.close(token)
                return inside
            case "-":
                return Node("negative", token.at, (self.nested(_SIGN),))
            case "+":
                return self.nested(_SIGN)
            case "not":
                return Node("not", token.at, (self.nested(_NOT),))
        if token.kind == "end":
            raise self.wrong("the formula ends too early", token)
        if token.text == ")" and self.tokens[self.place - 2].text == "(":
            raise self.wrong("these parentheses are empty", token)
        raise self.wrong(f"a number, a name or `(` is missing before `{token.text}`", token)

    def named(self, token: Token) -> Node:
        if self.next.text != "(":
            return Node("name", token.at, text=token.text)
        opening = self.take()
        arguments: list[Node] = []
        if self.next.text != ")":
            arguments.append(self.nested(0))
            while self.next.text == ",":
                self.take()
                arguments.append(self.nested(0))
        self.close(opening)
        return Node("call", token.at, tuple(arguments), token.text)

    def close(self, opening: Token) -> None:
        if self.next.kind == "end":
            raise self.wrong("this `(` is never closed", opening)
        if self.next.text != ")":
            raise self.wrong(self._leftover().replace("; a formula is one expression", ""), self.next)
        self.take()
