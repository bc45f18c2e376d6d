"""Python text of expressions: precedence, line breaks, correctly rounded constants."""

from fractions import Fraction

import numpy as np
import pytest

from lossgen.backends.numba_cpu.expressions import WIDTH, Expressions, number
from lossgen.lower import ir

A, B, X = (ir.Var(name, "float") for name in "abx")


def op(name: str, *args: ir.Expr, kind: ir.Type = "float") -> ir.Op:
    return ir.Op(name, args, kind)


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (op("sub", A, op("sub", B, X)), "a - (b - x)"),
        (op("sub", op("sub", A, B), X), "a - b - x"),
        (op("mul", A, op("div", B, X)), "a * (b / x)"),
        (op("div", op("mul", A, B), X), "a * b / x"),
        (op("mul", op("add", A, B), X), "(a + b) * x"),
        (op("neg", op("add", A, B)), "-(a + b)"),
        (op("pow", op("neg", A), B), "(-a) ** b"),
        (op("neg", op("pow", A, B)), "-a ** b"),
        (op("omexp", op("sub", A, B)), "-math.expm1(a - b)"),
        (op("mul", A, op("select", op("lt", A, B, kind="bool"), A, B)), "a * (a if a < b else b)"),
        (
            op(
                "and",
                op("or", op("lt", A, B, kind="bool"), op("lt", B, X, kind="bool"), kind="bool"),
                op("lt", A, X, kind="bool"),
                kind="bool",
            ),
            "(a < b or b < x) and a < x",
        ),
        (op("not", op("lt", A, B, kind="bool"), kind="bool"), "not a < b"),
        (op("max", A, ir.Const(Fraction(0), "float")), "_maximum(a, real(0))"),
    ],
)
def test_precedence(expr: ir.Expr, text: str) -> None:
    assert Expressions({}).text(expr) == text


def test_long_lines_break_at_operators_and_mean_the_same() -> None:
    total: ir.Expr = A
    for k in range(60):
        total = op("add" if k % 3 else "sub", total, op("mul", B, X))
    lines = Expressions({}).broken(total, "result = ", "    ")
    assert max(map(len, lines)) <= WIDTH
    space = {"a": 3.0, "b": 0.5, "x": 7.0}
    expected = eval(Expressions({}).text(total), {}, dict(space))
    exec("if True:\n" + "\n".join(lines), {}, space)
    assert space["result"] == expected


@pytest.mark.parametrize(
    "exact",
    [
        *(
            Fraction(1, 3),
            Fraction(1, 10),
            Fraction(2),
            Fraction(-5, 7),
            Fraction(10**30),
            Fraction(1, 10**30),
        ),
        Fraction(2**24 + 1),
        # Just above the middle of two float32 numbers, and that middle itself in float64.
        Fraction(1) + Fraction(1, 2**24) + Fraction(1, 2**60),
    ],
)
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_constants_round_correctly(exact: Fraction, real: type) -> None:
    value = eval(number(exact), {"real": real})
    assert type(value) is real
    neighbours = np.nextafter(value, real(-np.inf)), np.nextafter(value, real(np.inf))
    gap = max(abs(Fraction(float(other)) - Fraction(float(value))) for other in neighbours)
    assert abs(Fraction(float(value)) - exact) <= gap * (Fraction(1, 2) + Fraction(1, 10**8))
