"""Series where sums cancel: each is the sum it stands for, and is used where the sum has lost its digits."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Where
from lossgen.algebra.polynomials import polynomial
from lossgen.algebra.tensors import Element, Tensor, elements
from lossgen.stabilize.regimes.branches import branch
from lossgen.stabilize.regimes.numbers import number
from lossgen.stabilize.rule import Q, X, Z

A = Tensor("a", (), "float", "pred", "positive")[()]
B = Tensor("b", (), "float", "target", "positive")[()]
S = Tensor("s", (), "float", "param", "positive")[()]
U = (X - Z) / S
RATIO = (A - B) / (A + B)

# A sum, and a quantity near 0 of which it has lost its digits.
CANCELLING = {
    "tukey": (1 - (1 - U**2) ** 3, U),
    "exponential": (S * (1 - sp.exp(-(U**2))) - U**2 * S * sp.exp(-(U**2)), U),
    "cosine": (1 - sp.cos(U), U),
    "logarithm": (sp.Abs(U) - sp.log(1 + sp.Abs(U)) - U**2 / 2, U),
    "root": (vo.hypot(S, X - Z) - S - (X - Z) ** 2 / vo.hypot(S, X - Z) / 2, U),
    "one input": (sp.exp(X) - 1 - X - X**2 / 2, X),
    "bregman": (sp.exp(X) - sp.exp(Z) - sp.exp(Z) * (X - Z), X - Z),
    "scaled": (sp.sqrt(1 + X * S) - 1, X * S),
    "deviance": (B / A - sp.log(B / A) - 1, RATIO),
    "weighted deviance": (B * sp.log(B / A) - B + A, RATIO),
    "logarithms": (sp.log(A) - sp.log(B), RATIO),
    "means": (sp.log((A + B) / 2) - (sp.log(A) + sp.log(B)) / 2, RATIO),
    "far apart": (sp.log(1 + B / A) - B / A, B / A),
}
# Equal to a product everywhere.
PRODUCTS = {
    "inverse squares": 1 / A - B / A**2,
    "chord": A / B + B / A - 2,
    "far apart": 1 / (A + B) - (A - B) / (A + B) ** 2,
    "roots": A ** sp.Rational(3, 2) / B - sp.sqrt(A),
}
HARMLESS = {
    "inputs": X - Z,
    "powers of inputs": sp.sqrt(A) - sp.sqrt(B),
    "positive terms": sp.exp(X) + U**2,
    "unrelated": sp.log(A) - sp.exp(Z),
    # Along each axis from 1 it is a power of that element alone: a**s is 1 where either is.
    "choices": Where(sp.Gt(A - B, S), A - B, 0) - Where(sp.Gt(A - B, 1), 0, 1),
    "exponent": A ** (S - 1) - B * A ** (S - 2),
}
# Values of the other elements; the first one is solved for the small quantity.
OTHERS = ({X: 3, Z: -7, A: 5, B: 2, S: 3}, {X: 1, Z: 11, A: 1, B: 2000, S: sp.Rational(1, 512)})


def places(expr: sp.Expr, small: sp.Expr, u: sp.Expr) -> list[dict[Element, mpmath.mpf]]:
    """Return inputs at which the small quantity is `u`."""
    lead = next(e for e in (X, A, B) if e in elements(small))
    symbol = sp.Symbol("lead", real=True)
    found = []
    for others in OTHERS:
        given = {e: sp.sympify(others[e]) for e in elements(expr) | elements(small) if e != lead}
        (value,) = sp.solve(small.xreplace({**given, lead: symbol}) - u, symbol)
        found.append({e: mpmath.mpf(v.p) / v.q for e, v in (given | {lead: value}).items()})
    return found


def expanded(expr: sp.Expr) -> sp.Expr:
    """Return an expression without vocabulary and polynomials."""
    plain = expr.replace(
        lambda e: isinstance(e, polynomial),
        lambda e: sp.Add(*(c * e.args[0] ** k for k, c in enumerate(e.args[1:]))),
    )
    return vo.exact(plain)


@pytest.mark.parametrize("name", CANCELLING)
def test_a_sum_that_cancels_gets_an_accurate_series(name: str) -> None:
    expr, small = CANCELLING[name]
    branched = branch(expr)
    assert isinstance(branched, Where)
    condition, near, far = branched.args
    assert far == expr
    used = 0
    with mpmath.workdps(200):
        for k in (1, -1, 3, -3, 9, -9, 30, -30, 70, -70):
            u = sp.sign(k) * sp.Rational(1, 2) ** (abs(k) + 1)
            if small == B / A and k < 0:  # beyond the domain
                continue
            for values in places(expr, small, u):
                size = number(vo.exact(condition.args[0]), values)
                if not size < number(condition.args[1], values):
                    assert abs(u) > sp.Rational(1, 32)
                    continue
                used += 1
                true, found = (number(expanded(e), values) for e in (expr, near))
                assert abs(found - true) <= mpmath.mpf(2) ** -51 * abs(true), (u, values)
    assert used >= 8


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_sum_that_is_a_product_becomes_one(name: str) -> None:
    expr = PRODUCTS[name]
    product = branch(expr)
    assert product is not None
    assert not product.has(Where)
    with mpmath.workdps(60):
        for a, b in ((1, 3), (mpmath.mpf(1) / 7, 1000), (5, mpmath.mpf(1) / 300)):
            values = {A: mpmath.mpf(a), B: mpmath.mpf(b)}
            true, found = (number(vo.exact(e), values) for e in (expr, product))
            assert abs(found - true) <= mpmath.mpf(10) ** -55 * abs(true)


@pytest.mark.parametrize("name", HARMLESS)
def test_other_sums_stay(name: str) -> None:
    assert branch(HARMLESS[name]) is None


def test_a_series_only_stands_for_what_it_is_similar_to() -> None:
    """What is a power of x only while it is small beside y gets no branch by x alone."""
    branched = branch(sp.sign(X - B) / B + sp.Abs(X - B) / B**2)
    assert branched is None or X / B in {vo.exact(e) for e in sp.preorder_traversal(branched.args[0])}
    assert branch(Q - Q * sp.cos(X / Q) + sp.exp(Z)) is None
