"""Vector mathematics: within 1 ulp, right at the edges, the same bits on every processor that has FMA."""

import hashlib
import json
import math
import os
import subprocess
import sys
import tokenize
from pathlib import Path

import mpmath
import numba
import numpy as np
import pytest

import lossgen.runtime.vectormath as vm
from benchmarks.exhaustive import judged, over, power_points
from lossgen.runtime.abi import RUNTIME_ABI

EACH = pytest.mark.parametrize("name", vm.FUNCTIONS)
# The code that belongs to a version of the kernels.
PINNED = {
    "exponential": (4, "418ad6d951cbc657"),
    "extremes": (4, "ad9f84122e8ab892"),
    "intrinsics": (4, "b7ab378cb219f1b4"),
    "lanes": (4, "4fe1b89eb4a2e5c7"),
    "logarithm": (4, "1bce080375e358e4"),
    "power": (4, "f194f085802e5755"),
    "scalar": (4, "c29a903127ad2ccb"),
    "sums": (4, "9f66d9cdf0881355"),
    "totals": (4, "73a7c1c60539aa8d"),
    "unowned": (4, "5a8432ea8f882e3a"),
}

INF, NAN = math.inf, math.nan
EDGES = {
    "exp": ((0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (1e30, INF), (-1e30, 0.0)),
    "expm1": ((0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (1e30, INF), (-1e30, -1.0)),
    "log": ((1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN), (-INF, NAN)),
    "log1p": ((0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (INF, INF), (-1.5, NAN), (-INF, NAN)),
    "log1p_unit": ((0.0, 0.0),),
    "tanh": ((0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (30.0, 1.0)),
}


@pytest.mark.parametrize("module", PINNED)
def test_a_change_of_its_code_raises_the_version_of_kernels(module: str) -> None:
    # Numba's disk cache sees a kernel's own file alone, in which the version stands.
    lines = (Path(vm.__file__).parent / f"{module}.py").read_text().splitlines()
    # Comments and space do not count. Other tokens are no measure: Python 3.12 divides f-strings otherwise.
    for token in list(tokenize.generate_tokens(iter([f"{line}\n" for line in lines]).__next__)):
        if token.type == tokenize.COMMENT:
            row, start = token.start
            lines[row - 1] = lines[row - 1][:start]
    code = "".join("".join(lines).split())
    found = (RUNTIME_ABI, hashlib.sha256(code.encode()).hexdigest()[:16])
    assert found == PINNED[module], f"raise RUNTIME_ABI, build again, then pin {found}"


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_within_one_ulp(name: str, dtype: type) -> None:
    rng = np.random.default_rng(11)
    whole = np.uint32 if dtype == np.float32 else np.uint64
    bits = rng.integers(0, np.iinfo(whole).max, 200_000, dtype=whole, endpoint=True).view(dtype)
    sizes = np.exp2(rng.uniform(-40, 10, 200_000)).astype(dtype)
    near = np.nextafter(dtype(1), dtype(2)) ** np.arange(-300, 300).astype(dtype)
    subnormal = np.arange(1, 300).astype(whole).view(dtype)
    points = np.concatenate([bits, sizes, -sizes, near, -near, subnormal, -subnormal])
    found = judged(name, points, np.longdouble)
    assert found.wrong_kind == 0, found
    assert found.worst_ulp <= 1, found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_powers_within_two_ulp(dtype: type) -> None:
    found = judged("power", power_points(dtype, np.random.default_rng(11), 300_000), np.longdouble)
    assert found.wrong_kind == 0, found
    assert found.worst_ulp <= (1 if dtype == np.float32 else 2), found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_edges_of_powers(dtype: type) -> None:
    numbers = [0, 1, 2, 3, 0.5, 1e30, INF, 5e-324 if dtype == np.float64 else 1e-45]
    at = np.array([*numbers, *(-n for n in map(float, numbers)), NAN], dtype)
    bases, exponents = (column.ravel().copy() for column in np.meshgrid(at, at))
    out = np.empty_like(bases)
    over("power")(bases, exponents, out)
    with np.errstate(all="ignore"):
        truth = np.power(bases.astype(np.longdouble), exponents.astype(np.longdouble)).astype(dtype)
    np.testing.assert_allclose(out, truth, rtol=2 * np.finfo(dtype).eps)
    known = ~np.isnan(truth)
    np.testing.assert_array_equal(np.signbit(out[known]), np.signbit(truth[known]))


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_edges(name: str, dtype: type) -> None:
    at, expected = np.array([*EDGES[name], (NAN, NAN)], dtype).T.copy()
    out = run(name, at)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(np.signbit(out[~np.isnan(out)]), np.signbit(expected[~np.isnan(expected)]))


def run(name: str, points: np.ndarray) -> np.ndarray:
    out = np.empty_like(points)
    over(name)(points, out)
    return out


@EACH
def test_the_end_of_an_array_is_computed_as_its_middle(name: str) -> None:
    points = np.linspace(-0.99, 3, 67, dtype=np.float32)
    alone = np.concatenate([run(name, points[k : k + 1]) for k in range(points.size)])
    np.testing.assert_array_equal(run(name, points), alone)


COEFFICIENTS = {
    "exponential": (
        lambda r: (mpmath.expm1(r) - r) / r**2 if r else mpmath.mpf(1) / 2,
        lambda: mpmath.log(2) / 2,
        -1,
    ),
    "logarithm": (
        lambda z: (2 * mpmath.atanh(mpmath.sqrt(z)) / mpmath.sqrt(z) - 2) / z,
        lambda: ((mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)) ** 2,
        0,
    ),
}


@pytest.mark.parametrize("module", COEFFICIENTS)
def test_coefficients_are_those_of_the_best_polynomial(module: str) -> None:
    function, end, low = COEFFICIENTS[module]
    source = (Path(vm.__file__).parent / f"{module}.py").read_text()
    written = source[source.index("_TAIL = polynomial(") :].split(")  # fmt")[0]
    single, double = eval(f"dict({written.partition('(')[2]})").values()
    with mpmath.workdps(80):
        # A little beyond, for a rounded exponent may leave a little more.
        last = end() * mpmath.mpf("1.0001")
        for coefficients, kind in ((single, np.float32), (double, np.float64)):
            best = mpmath.chebyfit(function, [low * last, last], len(coefficients))
            assert [kind(c) for c in coefficients] == [kind(float(c)) for c in reversed(best)]


# Prints the bits of every function over the same numbers.
REPORT = """
import hashlib, json
import numpy as np
from benchmarks.exhaustive import over, judged
from lossgen.runtime.vectormath import FUNCTIONS
rng = np.random.default_rng(3)
found = {}
for dtype in (np.float32, np.float64):
    points = (rng.normal(size=10001) * 10.0 ** rng.uniform(-8, 3, 10001)).astype(dtype)
    for name in FUNCTIONS:
        out = np.empty_like(points)
        over(name)(points, out)
        bits = hashlib.sha256(np.nan_to_num(out).tobytes()).hexdigest()
        found[f"{name} {dtype.__name__}"] = bits, judged(name, points, np.longdouble).worst_ulp
print(json.dumps(found))
"""


def report(**environment: str) -> dict[str, tuple[str, float]]:
    done = subprocess.run(
        [sys.executable, "-c", REPORT],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.full
def test_processors() -> None:
    here = report()
    # As wide as a processor with AVX2 and FMA has it, and without either.
    narrow = report(NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES="+avx2,+fma")
    assert {name: bits for name, (bits, _) in here.items()} == {n: bits for n, (bits, _) in narrow.items()}
    plain = report(NUMBA_CPU_NAME="generic")
    assert all(ulp <= 2.5 for _, ulp in plain.values()), plain


ROWS = [1, 2, 63, 64, 65, 100, 255, 256, 257, 700, 1025]


@numba.njit
def larger(row):
    return vm.larger(row.dtype.type(-np.inf), -1, row, 0)


@numba.njit
def smaller(row):
    return vm.smaller(row.dtype.type(np.inf), -1, row, 0)


@pytest.mark.parametrize(("taken", "wanted"), [(larger, np.argmax), (smaller, np.argmin)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("special", [None, NAN, INF, -INF, -0.0])
def test_extremes_are_the_first_ones(taken, wanted, dtype: type, special: float | None) -> None:
    rng = np.random.default_rng(5)
    for count in ROWS:
        row = rng.integers(-3, 3, count).astype(dtype)
        if special is not None:
            row[rng.integers(0, count, 2)] = special
        place = int(wanted(row))
        found, at = taken(row)
        if abs(row[place]) == INF and at == -1:  # nothing is beyond where it starts
            assert found == row[place]
            continue
        assert at == place
        np.testing.assert_array_equal(dtype(found), row[place])
        assert np.signbit(found) == np.signbit(row[place]) or np.isnan(found)


@numba.njit
def added(row):
    return vm.added(1e300, 0.0, row)


@numba.njit
def added_but(row, place):
    return vm.added_but(0.0, 0.0, row, place)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_rows(dtype: type) -> None:
    rng = np.random.default_rng(6)
    for count in ROWS:
        row = (rng.normal(size=count) * 10.0 ** rng.integers(-9, 9, count)).astype(dtype)
        row[count // 2 :] = -row[: count - count // 2][::-1]
        size = math.fsum(map(abs, row))
        kept, place = row.copy(), count // 3
        rest = math.fsum([*row[:place], *row[place + 1 :]])
        # Terms in float32 have lost more than a sum of them in float64 loses; others are summed without loss.
        most = 2.0**-50 * size if dtype == np.float32 else abs(np.spacing(rest)) + 2.0**-90 * size
        assert abs(sum(added_but(row, place)) - rest) <= most
        np.testing.assert_array_equal(row, kept)
        # In any layout the same bits; what was there before is not lost.
        assert added(np.repeat(row, 2)[::2]) == added(row)
        total, lost = added(row)
        assert total == 1e300
        assert abs(lost - math.fsum(row)) <= 2.0**-50 * size
