"""Every row of the operator table agrees with its own exact meaning."""

from __future__ import annotations

import pickle
import random
from typing import Any

import mpmath
import pytest
import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Reduction
from lossgen.algebra.tensors import Tensor
from tests.stabilize.evaluate import DIGITS, FLOAT, HIGH, evaluate

ROWS = list(vo.OPERATORS.values())
ARGUMENTS = tuple(Tensor(name)[()] for name in ("a", "b", "c", "d"))
ROWS_AND_ARGUMENTS = [
    pytest.param(row, k, id=f"{row.name}-{k}") for row in ROWS for k in range(len(row.derivative))
]


def arguments(row: vo.Operator) -> tuple[Any, ...]:
    return ARGUMENTS[: len(row.domain)]


def value(domain: str, source: random.Random) -> Any:
    size = mpmath.mpf(10 ** source.uniform(-6, 2.5))
    match domain:
        case "positive" | "nonnegative":
            return size
        case "negative":
            return -size
        case "unit":
            return mpmath.mpf(source.random())
        case "above_minus_one":
            return size if source.random() < 0.5 else -mpmath.mpf(source.random())
        case "real":
            return size * source.choice((-1, 1))
        case "exponent":
            # An exponential of an exponential: larger ones take too many digits.
            return 6 * size / (6 + size) if source.random() < 0.5 else -20 * size / (20 + size)
        case "offset":
            return mpmath.mpf(source.randint(-2, 2))
    raise AssertionError(domain)


def points(row: vo.Operator, count: int = 40) -> list[dict[str, Any]]:
    source = random.Random(row.name)
    return [{n: value(d, source) for n, d in zip("abcd", row.domain, strict=False)} for _ in range(count)]


@pytest.mark.parametrize(("row", "k"), ROWS_AND_ARGUMENTS)
def test_derivative_is_the_slope_of_the_exact_meaning(row: vo.Operator, k: int) -> None:
    exact = row.exact(*arguments(row))
    derivative = vo.exact(row.derivative[k](*arguments(row)))
    name, step = "abcd"[k], mpmath.mpf(10) ** -50
    with mpmath.workdps(400):
        for values in points(row):
            h = step * min(1, abs(values[name]))
            up, down = (evaluate(exact, values | {name: values[name] + s * h}, HIGH) for s in (1, -1))
            slope, claimed = (up - down) / (2 * h), evaluate(derivative, values, HIGH)
            assert abs(slope - claimed) <= mpmath.mpf(10) ** -40 * (abs(claimed) + abs(slope)), values


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_function_uses_its_row(row: vo.Operator) -> None:
    function = getattr(vo, row.name)
    expr = function(*arguments(row))
    assert isinstance(expr, vo.StableFunction)
    for k, derivative in enumerate(row.derivative):
        assert expr.fdiff(k + 1) == derivative(*arguments(row))
    assert vo.exact(expr) == row.exact(*arguments(row))
    assert not vo.exact(expr).has(vo.StableFunction)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_sign_claim_holds(row: vo.Operator) -> None:
    expr = row.exact(*arguments(row))
    with mpmath.workdps(400):
        found = [evaluate(expr, values, HIGH) for values in points(row)]
    match row.sign:
        case "positive":
            assert all(v > 0 for v in found)
        case "nonnegative":
            assert all(v >= 0 for v in found)
        case "negative":
            assert all(v < 0 for v in found)
        case sign:
            assert sign == "any"
            assert min(found) < 0 < max(found)
    claims = getattr(vo, row.name)(*arguments(row))
    assert claims.is_positive is {"positive": True, "negative": False}.get(row.sign)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_fold_is_exact(row: vo.Operator) -> None:
    """What the function evaluates to by itself at 0 and 1 is what its exact meaning gives there."""
    function, names = getattr(vo, row.name), arguments(row)
    folded = 0
    with mpmath.workdps(DIGITS):
        for k in range(len(names)):
            for special in (sp.S.Zero, sp.S.One):
                inside = (*names[:k], special, *names[k + 1 :])
                result = function(*inside)
                if isinstance(result, vo.StableFunction):
                    continue
                folded += 1
                for values in points(row, 5):
                    expected = evaluate(row.exact(*inside), values, HIGH)
                    assert abs(evaluate(result, values, HIGH) - expected) < mpmath.mpf(10) ** -80
    assert bool(folded) == (row.fold is not None)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_stable_form_is_accurate_over_its_domain(row: vo.Operator) -> None:
    """The form that kernels use keeps its digits where the exact meaning cancels, overflows or vanishes on
    the way.
    """
    expr = getattr(vo, row.name)(*arguments(row))
    with mpmath.workdps(700):
        for values in points(row, 200):
            rounded = {name: float(v) for name, v in values.items()}
            truth = evaluate(expr, rounded, HIGH)
            got = evaluate(expr, rounded, FLOAT)
            if not mpmath.mpf(2) ** -1022 <= abs(truth) <= mpmath.mpf(2) ** 1023:
                continue
            # An exponential of size a moves by a roundings of its argument.
            bound = 8 * (1 + abs(mpmath.log(abs(truth)))) * mpmath.mpf(2) ** -52
            scale = abs(truth) if row.name not in CANCELLING else max(abs(truth), 1)
            assert abs(mpmath.mpf(float(got)) - truth) <= bound * scale, rounded


# Zero inside the domain that no working-precision form can resolve: the logarithm of something close to 1.
CANCELLING = frozenset({"logaddexp"})


@pytest.mark.parametrize("row", [row for row in ROWS if row.latex], ids=lambda row: row.name)
def test_notation_takes_its_arguments(row: vo.Operator) -> None:
    letters = ("x", "y", "z", "k")[: len(row.domain)]
    assert row.latex is not None
    text = row.latex.format(*letters)
    assert text.count("{") == text.count("}")
    assert row.name == "alive" or all(letter in text for letter in letters)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_constant_has_a_value(row: vo.Operator) -> None:
    constant = getattr(vo, row.name)(*(-sp.pi if d == "negative" else sp.pi / 4 for d in row.domain))
    assert constant.is_comparable
    assert abs(constant.evalf(40) - vo.exact(constant).evalf(60)) < sp.Float("1e-35", 60)


def test_pickling() -> None:
    expr = vo.softplus(ARGUMENTS[0]) * vo.gated(*ARGUMENTS[:2])
    assert pickle.loads(pickle.dumps(expr)) == expr


def test_share_of_a_softmax() -> None:
    axis = Axis("C")
    x, i = Tensor("x", (axis,), role="pred"), Index("i", axis)
    lse = Reduction("lse", x[i], i)
    share = vo.logshare(x[sp.S.Zero], lse)
    assert (share.fdiff(1), share.fdiff(2)) == (1, -1)
    assert share.is_nonpositive
    assert vo.exact(share) == x[sp.S.Zero] - lse
    # The entry that dominates: x - lse(x) by subtraction would be 0.
    values = {"C": 2, "x": [50.0, 0.0]}
    with mpmath.workdps(DIGITS):
        truth = float(evaluate(vo.exact(share), values, HIGH))
    assert evaluate(share, values, FLOAT) == pytest.approx(truth, rel=1e-15)
    assert truth < 0
