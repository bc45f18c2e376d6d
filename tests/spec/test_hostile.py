"""Whatever is no formula ends in a short error at its place: no traceback from inside, no hang."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossgen.errors import FormulaError, LossError, LossTypeError
from lossgen.spec.formula import formula
from lossgen.spec.functions import FUNCTIONS
from lossgen.spec.tokens import MOST_CHARACTERS
from tests.fuzz.pieces import NOISE

# A text, what its error says, and where it points (counted from 0).
HOSTILE = {
    "import": ("__import__('os').system('true')", "names start with a letter", 0),
    "attribute": ("x.__class__", "no attributes", 1),
    "attribute of a number": ("x*3..real", "no attributes", 4),
    "index": ("x[0]", "no indices", 1),
    "braces": ("{x}", "no braces", 0),
    "text": ("'x'", "no text", 0),
    "lambda": ("lambda x", "operator is missing before `x`", 7),
    "walrus": ("(x:=y)", "`:` is not part", 2),
    "assignment": ("x = y", "no assignment", 2),
    "statement": ("x; y", "`;` is not part", 1),
    "caret": ("x^2", r"write `\*\*`", 1),
    "bit operations": ("(x>0)&(y>0)", "write `and`", 5),
    "factorial": ("x!", "gamma", 1),
    "comment": ("x # y", "`#` is not part", 2),
    "backslash": ("x \\\n y", r"`\\` is not part", 2),
    "null byte": ("x\0y", r"U\+0000", 1),
    "cyrillic x": ("\N{CYRILLIC SMALL LETTER HA} - y", "CYRILLIC", 0),
    "full-width parenthesis": ("log\N{FULLWIDTH LEFT PARENTHESIS}x)", "FULLWIDTH", 3),
    "superscript": ("x\N{SUPERSCRIPT TWO}", "SUPERSCRIPT", 1),
    "right-to-left override": ("x-\N{RIGHT-TO-LEFT OVERRIDE}y", "RIGHT-TO-LEFT", 2),
    "zero-width space": ("x\N{ZERO WIDTH SPACE}y", "ZERO WIDTH", 1),
    "arabic digit": ("x+\N{ARABIC-INDIC DIGIT THREE}", "ARABIC", 2),
    "lone surrogate": ("x+\ud800", r"U\+D800", 2),
    "tower of powers": ("9**9**9**9", "beyond float64", 4),
    "tower with a symbol": ("x**9**9**9", "beyond float64", 4),
    "large power": ("x**100000", "exponent is beyond", 1),
    "power of powers": ("(x**1000)**1000", "powers of this formula multiply", 9),
    "large exponent": ("1e999999999", "power of ten", 0),
    "many zeros of an exponent": ("1e" + "0" * 5000 + "9999*x", "power of ten", 0),
    "many digits": ("9" * 5000, "digits", 0),
    "large constant": ("x*10**400", "beyond float64", 4),
    "power of nearly zero": ("2**(0.5**0.5**1e-300)**expit(x)", "1 in all digits", 12),
    "large product": ("10**200*10**200*x", "beyond float64", 7),
    "large exponentials": ("exp(700)*exp(700)*x", "beyond float64", 8),
    "factorial of a million": ("gamma(1e6)*x", "`gamma` of this constant", 6),
    "logarithm of one": ("x*loggamma(10**9)", "`loggamma` of this constant", 13),
    "exponential tower": ("exp(exp(exp(exp(9))))*x", "`exp` of this constant", 12),
    "division by zero": ("x + 1/(2 - 2)", "divides by zero", 5),
    "power of zero": ("x*0**-1", "positive powers", 3),
    "root of a negative number": ("x*sqrt(-1)", "no finite real number", 2),
    "root of what is negative": ("x + sqrt(-x**2)", "no real number, whatever", 4),
    "pole": ("x*tan(pi/2)", "no finite real number", 2),
    "logarithm of zero": ("x*log(0)", "no finite real number", 2),
    "open parenthesis": ("log((x - y)", "never closed", 3),
    "closing parenthesis": ("x)", "closes nothing", 1),
    "empty parentheses": ("x + ()", "empty", 5),
    "nothing": ("", "empty", 0),
    "blanks": (" \t\n", "empty", 3),
    "ends early": ("x - ", "ends too early", 4),
    "two operators": ("x */ y", "missing before `/`", 3),
    "two symbols": ("x y", "operator is missing", 2),
    "no multiplication sign": ("2x", r"write `\*`", 1),
    "comma": ("x, y", "one expression", 1),
    "floor division": ("x//y", "write `/`", 1),
    "remainder": ("x % y", "remainder", 2),
    "unknown function": ("x + absx(y)", "did you mean `abs`", 4),
    "known to Python only": ("eval(x)", "no function", 0),
    "symbol called": ("x(y)", "no function", 0),
    "too many arguments": ("exp(x, y)", "takes 1 argument", 0),
    "condition as a number": ("(x > y)*2", "where", 3),
    "number as a condition": ("where(x, 1, 2)", "condition is needed", 6),
    "no prediction": ("y - 1", "does not contain `x`", 0),
    "parameter without effect": ("x + 0*c", "no effect", 6),
    "deep parentheses": ("(" * 400 + "x" + ")" * 400, "levels deep", 61),
    "deep signs": ("-" * 400 + "x", "levels deep", 61),
    "deep calls": ("sin(" * 400 + "x" + ")" * 400, "levels deep", 61 * 4),
    "100 kB of one letter": ("x" * 100_000, "characters", MOST_CHARACTERS),
    "100 kB of nonsense": ("@!x(" * 25_000, "characters", MOST_CHARACTERS),
    "many terms": ("+".join(["x"] * 4000), "more than 2000 parts", 2000),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_formula_is_a_short_error_at_its_place(name):
    text, message, position = HOSTILE[name]
    start = time.perf_counter()
    with pytest.raises(FormulaError, match=message) as caught:
        formula(text)
    assert time.perf_counter() - start < 2
    assert caught.value.position == position
    head, *marked = str(caught.value).split("\n    ")
    assert len(str(caught.value)) < 600
    assert len(marked) == 2
    # The caret stands below the character that is meant.
    if position < len(text):
        meant = text[position]
        assert marked[0][marked[1].index("^")] == (meant if meant.isascii() and meant.isprintable() else ".")
    assert f"at position {position}" in head


@pytest.mark.parametrize("text", [None, 3, b"x - y", ["x"]])
def test_a_formula_is_a_string(text):
    with pytest.raises(LossTypeError, match="must be a string"):
        formula(text)


ALPHABET = st.sampled_from([*NOISE, *(f"{name}(" for name in FUNCTIONS)])


def only_loss_errors(text):
    start = time.perf_counter()
    try:
        formula(text)
    except LossError as error:
        assert len(str(error)) < 1000  # noqa: PT017
    assert time.perf_counter() - start < 5


@settings(max_examples=400)
@given(st.lists(ALPHABET, max_size=30).map("".join))
def test_pieces_of_formulas_raise_nothing_but_loss_errors(text):
    only_loss_errors(text)


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_text_raises_nothing_but_loss_errors(text):
    only_loss_errors(text)
