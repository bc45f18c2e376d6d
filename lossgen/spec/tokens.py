"""A formula's text as tokens. Text is never handed to Python: what is not a token here is an error."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from lossgen.errors import FormulaError, LossTypeError

__all__ = ["Token", "tokens"]

MOST_CHARACTERS = 10_000
MOST_TOKENS = 2_000
# Digits of a literal, and the power of ten that it may have: any float64 can be written.
MOST_DIGITS = 400
MOST_EXPONENT = 400

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|//|<=|>=|==|!=|[-+*/(),<>])"
)

# What people try, and what to write instead.
_REFUSED = {
    "^": "`^` is not a power here: write `**`",
    "=": "a formula holds no assignment: write `==` to compare",
    ".": "a formula has no attributes: only numbers, names, operators and function calls",
    "[": "a formula has no indices: each symbol is one number of one sample",
    "]": "a formula has no indices: each symbol is one number of one sample",
    "{": "a formula has no braces: group with parentheses",
    "}": "a formula has no braces: group with parentheses",
    "'": "a formula holds no text: only numbers, names, operators and function calls",
    '"': "a formula holds no text: only numbers, names, operators and function calls",
    "&": "write `and` to join conditions",
    "|": "write `or` to join conditions, Abs(...) for an absolute value",
    "~": "write `not` to negate a condition",
    "!": "write `!=` or `not`; for a factorial write gamma(x + 1)",
    "%": "a remainder has no useful derivative and is not part of formulas",
    "_": "names start with a letter",
}


@dataclass(frozen=True)
class Token:
    """A piece of a formula: its kind (``number``, ``name``, ``sign`` or ``end``), its text and its place."""

    kind: str
    text: str
    at: int
    number: Fraction = Fraction(0)


def tokens(text: str) -> list[Token]:
    """Return the tokens of a formula, an ``end`` last.

    Raises
    ------
    FormulaError
        Where a character or number is not part of formulas, or the text is too long.
    """
    if not isinstance(text, str):
        raise LossTypeError(f"a formula must be a string, got {type(text).__name__}")
    if len(text) > MOST_CHARACTERS:
        raise FormulaError(
            f"the formula has {len(text)} characters, {MOST_CHARACTERS} are allowed", text, MOST_CHARACTERS
        )
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise FormulaError(_refusal(text[at]), text, at)
        kind = str(match.lastgroup)
        if kind != "space":
            if len(found) == MOST_TOKENS:
                raise FormulaError(f"the formula has more than {MOST_TOKENS} parts: split it", text, at)
            _check_neighbour(found, kind, at, text)
            value = _number(match.group(), text, at) if kind == "number" else Fraction(0)
            found.append(Token(kind, match.group(), at, value))
        at = match.end()
    return [*found, Token("end", "", len(text))]


def _check_neighbour(found: list[Token], kind: str, at: int, text: str) -> None:
    """``2x`` and ``1.5.2`` read as two tokens that touch."""
    if kind in ("number", "name") and found and found[-1].kind == "number":
        last = found[-1]
        if last.at + len(last.text) == at:
            raise FormulaError(f"an operator is missing after `{last.text[:20]}`: write `*`", text, at)


def _number(literal: str, text: str, at: int) -> Fraction:
    mantissa, _, exponent = literal.lower().partition("e")
    if len(mantissa) > MOST_DIGITS:
        raise FormulaError(f"the number has more than {MOST_DIGITS} digits", text, at)
    # By its length first: even converting a long run of digits to an integer takes time.
    if len(exponent.lstrip("+-0")) > 3 or abs(int(exponent or 0)) > MOST_EXPONENT:
        raise FormulaError(f"the number's power of ten is beyond {MOST_EXPONENT}", text, at)
    whole, _, fraction = mantissa.partition(".")
    return Fraction(int(whole + fraction or "0")) * Fraction(10) ** (int(exponent or 0) - len(fraction))


def _refusal(character: str) -> str:
    if character in _REFUSED:
        return _REFUSED[character]
    if character.isascii() and character.isprintable():
        return f"`{character}` is not part of formulas"
    name = unicodedata.name(character, "no printable character")
    return f"the character U+{ord(character):04X} ({name}) is not part of formulas: write ASCII names"
