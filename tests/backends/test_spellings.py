"""Every function of the vocabulary, as each backend spells it, against mpmath."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp

from lossgen.algebra.vocabulary import OPERATORS
from lossgen.backends.registry import BACKENDS
from lossgen.errors import LossError

from .spelled import RUNNERS, compiled, table

THREE = (
    "log1mexp", "sigmoid", "firstshare", "log1psq", "inv1psq", "over1psq", "sq1psq", "timesexp", "trigamma",
    "inverfcx", "logerfc", "loghalferfc", "loginverfcx",
)  # fmt: skip
# Largest error in ulp of the result, 2 where nothing is said.
BOUNDS = {
    **dict.fromkeys(("xmlog1p", "entropygap", "log1psqrest", "softplusrest"), 6),
    **dict.fromkeys(("expm1mx", "expgap", "logcosh", "sech2"), 4),
    **dict.fromkeys(("powered", "expshareslope", "timessech2", "timesexpm1", "expsum"), 5),
    **dict.fromkeys(THREE, 3),
}
# mpmath knows them as they are: nothing cancels on the way.
PLAIN = ("digamma", "trigamma")
# exp amplifies the rounding of a difference, a power that of its exponent, log near 1 that of its argument.
AMPLIFIED = {
    "logsoftplus": lambda a: 1 / abs(math.log(np.logaddexp(0, a))) if abs(a) < 40 else 0.0,
    "firstshare": lambda a, b: abs(a - b),
    "expsum": lambda a, b, c, d: abs(b - d),
    **dict.fromkeys(("log1mexpexp", "expshare", "expshareslope"), lambda a: math.exp(min(a, 700))),
    "powered": lambda a, b, c, n: abs((c + n) * math.log(b)) if abs(c) >= 0.5 else 0.0,
}
# What an error is relative to where the result is smaller: terms of a sum.
FLOORS = {
    "logaddexp": lambda a, b: max(abs(a), abs(b)),
    "expsum": lambda a, b, c, d: max(abs(a) * mpmath.exp(b), abs(c) * mpmath.exp(d)),
}
MAGNITUDES = {"real": (-1, 1), "positive": (1,), "nonnegative": (1,), "negative": (-1,), "unit": (1,)}

# A backend that writes formulas spells no loops.
SPELLING = [backend for backend in BACKENDS.values() if backend.spellings]


@pytest.mark.parametrize("backend", SPELLING, ids=lambda backend: backend.name)
def test_every_row_is_spelled(backend) -> None:
    assert not OPERATORS.keys() - backend.spellings.keys()


RUN = pytest.mark.parametrize("backend", RUNNERS)


def test_every_backend_that_spells_can_be_run() -> None:
    assert RUNNERS.keys() == {backend.name for backend in SPELLING}


@RUN
def test_missing_row_is_named(backend: str) -> None:
    with pytest.raises(LossError, match=f"{backend} .*no spelling of 'nosuchfunction'"):
        table(backend).spelling("nosuchfunction")


def samples(domain: str, dtype: type, rng: np.random.Generator, count: int) -> np.ndarray:
    """Ordinary magnitudes, the full range of exponents, and edges."""
    info = np.finfo(dtype)
    low, high = math.log(float(info.tiny)) * 0.98, math.log(float(info.max)) * 0.98
    ordinary = np.exp(rng.uniform(math.log(1e-3), math.log(30), count))
    wide = np.exp(rng.uniform(low, high, count))
    if domain == "above_minus_one":
        return np.concatenate(
            [ordinary, wide, -rng.random(count) * 0.999, -np.exp(rng.uniform(low, 0, count))]
        ).astype(dtype)
    if domain == "unit":
        return np.concatenate([rng.random(count), np.exp(rng.uniform(low, 0, count)), [0, 1]]).astype(dtype)
    if domain == "exponent":
        return np.concatenate([np.minimum(ordinary, 8), -ordinary]).astype(dtype)
    if domain == "offset":
        return rng.integers(-2, 3, 2 * count).astype(dtype)
    values = np.concatenate([ordinary, wide, [float(info.max), float(info.tiny), 1.0]])
    return np.concatenate([sign * values for sign in MAGNITUDES[domain]]).astype(dtype)


def exact_values(name: str, points: tuple[np.ndarray, ...]) -> list[mpmath.mpf]:
    symbols = sp.symbols(f"a:{len(points)}", real=True)
    function = sp.lambdify(
        symbols, OPERATORS[name].exact(*symbols), modules=["mpmath", {"Where": lambda c, a, b: a if c else b}]
    )
    found = []
    for point in zip(*points, strict=True):
        # 1 + exp(-x) must keep both terms, so precision follows the exponents.
        size = max((abs(math.log2(abs(float(p)))) for p in point if p != 0), default=0)
        largest = max(abs(float(p)) for p in point)
        spare = 5200 if "exponent" in OPERATORS[name].domain else 200
        bits = 200 if name in PLAIN else int(min(spare + 2 * size + 4 * min(largest, 2000), 12000))
        with mpmath.workprec(bits):
            found.append(function(*(mpmath.mpf(float(p)) for p in point)))
    return found


def ulps(value: float, exact: mpmath.mpf, dtype: type, floor: mpmath.mpf | float) -> float:
    """Error in units of the last place of the exact result, no smaller than that of `floor` (what cancels
    on the way).
    """
    info = np.finfo(dtype)
    if not math.isfinite(value):
        # An overflow is right where the exact result rounds to infinity.
        return 0.0 if abs(exact) >= float(info.max) else math.inf
    scale = max(abs(exact), mpmath.mpf(floor), mpmath.mpf(float(info.tiny)))
    exponent = mpmath.floor(mpmath.log(scale, 2))
    return float(abs(mpmath.mpf(value) - exact) / mpmath.power(2, exponent - info.nmant))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_accuracy_of_spelling(name: str, dtype: type) -> None:
    row = OPERATORS[name]
    rng = np.random.default_rng(5)
    count = 60
    columns = [samples(domain, dtype, rng, count) for domain in row.domain]
    length = min(map(len, columns))
    points = tuple(rng.permutation(column)[:length] for column in columns)
    truths = exact_values(name, points)
    for backend in RUNNERS:
        worst = worst_error(compiled(backend, name), name, dtype, points, truths)
        assert worst <= BOUNDS.get(name, 2), f"{name} in {backend}: {worst:.2f} ulp"


def worst_error(
    function: Callable[..., Any], name: str, dtype: type, points: tuple[np.ndarray, ...], truths: list[Any]
) -> float:
    worst = 0.0
    for point, exact in zip(zip(*points, strict=True), truths, strict=True):
        result = function(*point)
        floor = FLOORS.get(name, lambda *_: 0.0)(*map(float, point))
        # Parts may leave the range on the way down: what rounds to 0 is not judged.
        if abs(exact) < float(np.finfo(dtype).tiny):
            assert abs(float(result)) <= 4 * float(np.finfo(dtype).tiny)
            continue
        error = ulps(float(result), exact, dtype, floor)
        worst = max(worst, error - AMPLIFIED.get(name, lambda *_: 0.0)(*map(float, point)))
    return worst


# A question about its argument (is this logarithm minus infinity?) has an answer for NaN too: go on and
# compute.
VARYING = [
    name
    for name, row in sorted(OPERATORS.items())
    if row.exact(*sp.symbols(f"a:{len(row.domain)}", real=True)).free_symbols
]


@RUN
@pytest.mark.parametrize("name", VARYING)
def test_nan_goes_through(name: str, backend: str) -> None:
    function = compiled(backend, name)
    for place in range(len(OPERATORS[name].domain)):
        arguments = [
            0.5 if "negative" not in domain or domain == "nonnegative" else -0.5
            for domain in OPERATORS[name].domain
        ]
        arguments[place] = math.nan
        assert math.isnan(function(*map(np.float64, arguments))), place


@RUN
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("softplus", (math.inf,), math.inf),
        ("softplus", (-math.inf,), 0.0),
        ("sigmoid", (-math.inf,), 0.0),
        ("sigmoid", (math.inf,), 1.0),
        ("logaddexp", (-math.inf, -math.inf), -math.inf),
        ("logaddexp", (math.inf, math.inf), math.inf),
        ("logaddexp", (-math.inf, 3.0), 3.0),
        ("firstshare", (-math.inf, -math.inf), 0.0),
        ("firstshare", (1.0, -math.inf), 1.0),
        ("xlogy", (0.0, 0.0), 0.0),
        ("xlog1py", (0.0, -1.0), 0.0),
        ("gated", (0.0, math.inf), 0.0),
        ("gated", (2.0, math.inf), math.inf),
        ("gated", (math.inf, 0.0), 0.0),
        ("powered", (1e200, 1e-200, 2.0, 0.0), 1e-200),
        ("powered", (0.0, 1e200, 2.0, 0.0), 0.0),
        ("powered", (math.inf, 0.0, 0.5, 0.0), 0.0),
        ("powered", (2.0**-640, 2.0**640, 0.25, -1.0), 2.0**-1120),
        ("powered", (2.0**1000, 2.0**1000, 0.25, -1.0), 2.0**250),
        ("powered", (2.0**-900, 2.0**1000, -0.25, 1.0), 2.0**-150),
        ("powered", (2.0**1000, 2.0**-1000, -0.25, 1.0), 2.0**250),
        ("powered", (3.0, 0.0, 0.0, 0.0), 3.0),
        ("powered", (1.0, 0.0, 1.0, -1.0), 1.0),
        ("powered", (2.0, 0.0, 0.25, -1.0), math.inf),
        ("powered", (0.0, 0.0, 0.25, -2.0), 0.0),
        ("powered", (1.0, 2.0**-1000, 0.25, -1.0), 2.0**750),
        ("powered", (1.0, 2.0**-400, 0.25, -2.0), 2.0**700),
        ("powered", (2.0**-1000, 2.0**-1000, 0.25, -1.0), 2.0**-250),
        ("alive", (-math.inf,), 0.0),
        ("alive", (-1e300,), 1.0),
        ("normal", (0.0,), 0.0),
        ("normal", (2.0**-1022,), 1.0),
        ("timesexp", (math.inf, -math.inf), 0.0),
        ("timessech2", (math.inf, -math.inf), 0.0),
        ("timessech2", (math.inf, 1.0), math.inf),
        ("timesexpm1", (1.0, -1000.0, 1000.0), 1.0),
        ("timesexpm1", (1.0, math.inf, 0.0), 0.0),
        ("expsum", (2.0, 1000.0, -2.0, 1000.0), 0.0),
        ("expsum", (-1.0, 1000.0, 3.0, 2000.0), math.inf),
        ("timesinv1psq", (-math.inf, math.inf), 0.0),
        ("timesinv1psq", (2.0**1000, 2.0**1000), 2.0**-1000),
        ("logsoftplus", (-math.inf,), -math.inf),
        ("logsoftplus", (-1e5,), -1e5),
        ("logcosh", (-math.inf,), math.inf),
        ("xmlog1p", (math.inf,), math.inf),
        ("expm1mx", (math.inf,), math.inf),
        ("expm1mx", (-math.inf,), math.inf),
        ("log1psq", (-math.inf,), math.inf),
        ("inv1psq", (0.0,), 1.0),
        ("inv1psq", (-math.inf,), 0.0),
        ("over1psq", (-math.inf,), -0.0),
        ("over1psq", (-1e308,), -1e-308),
        ("log1psqrest", (-math.inf,), math.inf),
        ("log1mexp", (0.0,), -math.inf),
        ("hypot", (-math.inf, 1.0), math.inf),
        ("hypot", (0.0, 0.0), 0.0),
        ("max", (math.nan, 0.0), math.nan),
        ("max", (0.0, math.nan), math.nan),
        ("min", (math.nan, 0.0), math.nan),
        ("min", (0.0, math.nan), math.nan),
        ("sign", (0.0,), 0.0),
        ("sign", (math.nan,), math.nan),
        ("finite_or_zero", (-math.inf,), 0.0),
        ("finite_or_zero", (-2.5,), -2.5),
        ("nan_or_zero", (math.nan,), math.nan),
        ("nan_or_zero", (-math.inf,), 0.0),
    ],
)
def test_edges(name: str, arguments: tuple[float, ...], expected: float, backend: str) -> None:
    np.testing.assert_equal(compiled(backend, name)(*map(np.float64, arguments)), expected)


@RUN
@pytest.mark.parametrize("name", sorted({name for backend in SPELLING for name in backend.spellings}))
def test_single_precision_stays_single(name: str, backend: str) -> None:
    call = compiled(backend, name)
    arity = table(backend).SPELLINGS[name].text.count("{")
    result = call(*[np.float32(0.25)] * arity)
    assert RUNNERS[backend].returns(call.function, result) == "float32"  # type: ignore[attr-defined]
