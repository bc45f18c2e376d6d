"""Formulas as text: what they mean, their symbols, domains and defaults."""

import re

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from lossgen.errors import FormulaError, LossError, LossValueError
from lossgen.spec.formula import formula
from lossgen.spec.writing import assumed_domains, written

# Formulas that are right by construction, beside their own values.
LEAVES = st.one_of(
    st.sampled_from(["x", "y", "c"]).map(lambda name: (name, lambda v: v[name])),
    st.integers(0, 40).map(lambda n: (f"{n / 8}", lambda v: mpmath.mpf(n) / 8)),
)


def operated(sign, function):
    def build(parts):
        (left, f), (right, g) = parts
        return f"({left}){sign}({right})", lambda v: function(f(v), g(v))

    return build


def called(name, function):
    def build(part):
        text, f = part
        return f"{name}({text})", lambda v: function(f(v))

    return build


def chosen(parts):
    (a, f), (b, g), (c, h) = parts
    return f"where({a} < {b}, {c}, {a})", lambda v: h(v) if f(v) < g(v) else f(v)


def extended(parts):
    pairs = st.tuples(parts, parts)
    return st.one_of(
        pairs.map(operated(" + ", lambda a, b: a + b)),
        pairs.map(operated("-", lambda a, b: a - b)),
        pairs.map(operated("*", lambda a, b: a * b)),
        parts.map(called("sin", mpmath.sin)),
        parts.map(called("tanh", mpmath.tanh)),
        parts.map(called("Abs", abs)),
        parts.map(called("-", lambda a: -a)),
        st.tuples(parts, parts, parts).map(chosen),
    )


@settings(max_examples=150)
@given(st.recursive(LEAVES, extended, max_leaves=8))
def test_a_formula_means_what_it_says(case):
    text, value = case
    with mpmath.workdps(50):
        numbers = {"x": mpmath.mpf("0.71"), "y": mpmath.mpf("-1.3"), "c": mpmath.mpf("2.9")}
        try:
            loss = formula(f"{text} + x + y + c - x - y - c + x*y*c")
        except FormulaError as error:
            assert "no effect" in str(error)  # noqa: PT017
            return
        expr = loss.variants[0].program.terms[0].value
        symbols = {
            e: sp.Float(str(numbers[e.tensor.name]), 60) for e in expr.atoms(sp.Expr) if hasattr(e, "tensor")
        }
        product = numbers["x"] * numbers["y"] * numbers["c"]
        assert abs(mpmath.mpf(str(expr.xreplace(symbols).evalf(50))) - value(numbers) - product) < 1e-40


PRECEDENCE = {
    "-x**2": -9,
    "2**-x": sp.Rational(1, 8),
    "2**x**2": 512,
    "x - 1 - 1": 1,
    "x/3/2": sp.Rational(1, 2),
    "x/3*2": 2,
    "-x*2 + 1": -5,
    "+x": 3,
    "- -x": 3,
    "0.1*x": sp.Rational(3, 10),
    "1e-2*x": sp.Rational(3, 100),
    ".5*x": sp.Rational(3, 2),
    "where(1 < x <= 3, 1, 0)*x": 3,
    "where(not x < 1 and x < 4 or x == 7, x, 0)": 3,
    "where(x != 3, 1, x)": 3,
    "where(Ne(x, 3), 1, x)": 3,
    "Max(1, x, 2) + Min(x, 5)": 6,
    "log(E)*x": 3,
    "log10(100)*x": 6,
    "gamma(x + 1)": 6,
    "xlogy(0*x, 0) + x": 3,
}


@pytest.mark.parametrize("text", PRECEDENCE)
def test_operators_bind_as_in_python_and_constants_are_exact(text):
    expr = formula(text).variants[0].program.terms[0].value
    at_three = expr.xreplace({e: sp.Integer(3) for e in expr.atoms(sp.Expr) if hasattr(e, "tensor")})
    assert sp.simplify(at_three.doit()) == PRECEDENCE[text]


def test_a_name_before_a_parenthesis_is_a_function_and_lambda_is_a_name():
    loss = formula("gamma*loggamma(gamma) + lambda*(x - y)**2 + gamma (y)")
    assert [p.name for p in loss.parameters] == ["x", "y", "gamma", "lambda"]


def test_arguments_and_their_domains():
    loss = formula("b*(y - x)/a", {"x": "unit", "a": "positive"}, {"a": 2, "b": 0.5})
    found = [(p.name, p.kind, p.domain, p.default) for p in loss.parameters]
    assert found == [
        ("x", "pred", "unit", None),
        ("y", "target", "real", None),
        ("b", "real", "real", 0.5),
        ("a", "positive", "positive", 2),
    ]


@pytest.mark.parametrize(
    ("domains", "defaults", "message"),
    [
        ({"z": "real"}, {}, "domains names 'z'.*there are c, x, y"),
        ({"c": "positiv"}, {}, "no domain: use real, positive"),
        ({"c": "positive"}, {"c": 0}, "is not positive"),
        ({"c": "unit"}, {"c": 1.5}, "is not unit"),
        ({"c": "sign"}, {"c": 0.5}, "is not sign"),
        ({}, {"c": float("nan")}, "is not real"),
        ({}, {"c": float("inf")}, "is not real"),
        ({}, {"c": 10**400}, "is not real"),
        ({}, {"c": True}, "is no number"),
        ({}, {"c": "2"}, "is no number"),
        ({}, {"x": 1}, "'x', which is no parameter"),
    ],
)
def test_a_domain_or_default_that_does_not_fit(domains, defaults, message):
    with pytest.raises(LossError, match=message):
        formula("c*(x - y)", domains, defaults)


def test_names_of_calls_are_taken():
    with pytest.raises(FormulaError, match=re.escape("`weight` is an argument of every loss")):
        formula("x*weight", taken=("weight",))


X, Y, C = sp.symbols("x y c", positive=True)
A, B = sp.symbols("a b", real=True)


@pytest.mark.parametrize(
    "expr",
    [
        sp.log(sp.cosh(X - Y)),
        C**2 / 2 * sp.log(1 + ((X - Y) / C) ** 2),
        sp.Piecewise((X, X < Y), (Y, sp.And(X > 2, sp.Or(Y < 3, sp.Not(sp.Eq(C, 1))))), (C, True)),
        sp.sqrt(X) / 3 + sp.E * sp.pi * sp.exp(-Y) - sp.Rational(7, 3),
        sp.Max(X, Y, 0) * sp.Min(X, C) * sp.Abs(A - B) * sp.sign(B) * X,
        sp.erf(X) + sp.erfc(Y) + sp.loggamma(C) + sp.atan(A),
    ],
)
def test_an_expression_is_written_as_the_formula_that_means_it(expr):
    program = formula(written(expr), assumed_domains(expr)).variants[0].program
    own = {s: e for s in expr.free_symbols for e in program.terms[0].value.atoms(sp.Expr)
           if hasattr(e, "tensor") and e.tensor.name == s.name}  # fmt: skip
    assert {t.name: t.domain for t in program.inputs} == {
        s.name: "positive" if s.is_positive else "real" for s in expr.free_symbols
    }
    for shift in (sp.Rational(1, 3), sp.Rational(5, 2)):
        at = {s: shift + sp.Rational(k, 7) for k, s in enumerate(sorted(expr.free_symbols, key=str))}
        there = program.terms[0].value.xreplace({own[s]: number for s, number in at.items()})
        assert abs((there - expr.xreplace(at)).evalf(30)) < 1e-25


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (X * sp.I, "ImaginaryUnit"),
        (X + sp.oo * sp.Symbol("z"), "Infinity"),
        (sp.Heaviside(A) * X, "Heaviside"),
        (sp.Symbol("__import__('os')") * X, "cannot be an argument"),
        (sp.Symbol("pi") * X, "cannot be an argument"),
        (sp.Piecewise((X, X < Y)), "otherwise"),
        (sp.Function("f")(X), "`f` is not part"),
        (X * sp.Symbol("x"), "two symbols"),
    ],
)
def test_an_expression_that_formulas_do_not_have(expr, message):
    with pytest.raises(LossValueError, match=message):
        formula(written(expr), assumed_domains(expr))
