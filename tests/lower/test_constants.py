"""Constants of every shipped kernel are correctly rounded in both dtypes, though written as float64."""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from lossgen.backends.numba_cpu.expressions import number
from lossgen.derive.routines import routines
from lossgen.lower import ir, lower
from lossgen.stabilize.clean import clean
from lossgen.stabilize.lift import lift
from tests.shipped import LOSSES


@cache
def constants() -> frozenset[Fraction]:
    found: set[Fraction] = set()
    for loss in LOSSES:
        for variant in loss.variants:
            for routine in routines(lift(variant.program)).values():
                function = lower(clean(routine))
                every = [
                    *ir.expressions(function.body),
                    *(e for value in function.returns for e in ir.subexpressions(value)),
                ]
                found |= {
                    e.value
                    for e in every
                    if isinstance(e, ir.Const) and e.type == "float" and isinstance(e.value, Fraction)
                }
    return frozenset(found)


def is_nearest(value: np.floating, exact: Fraction) -> bool:
    """No neighbour is closer."""
    error = abs(Fraction(float(value)) - exact)
    ends = (value.dtype.type(-np.inf), value.dtype.type(np.inf))
    return all(error <= abs(Fraction(float(np.nextafter(value, end))) - exact) for end in ends)


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_shipped_constants_are_the_nearest_numbers(real: type) -> None:
    wrong = [c for c in constants() if not is_nearest(eval(number(c), {"real": real}), c)]
    assert not wrong


def test_constants_are_found() -> None:
    assert {Fraction(1, 2), Fraction(1), Fraction(2)} <= constants()


def test_the_test_sees_double_rounding() -> None:
    """Just above the middle of two float32 numbers, where float64 has that middle itself."""
    exact = 1 + Fraction(1, 2**24) + Fraction(1, 2**60)
    assert is_nearest(np.float64(float(exact)), exact)
    assert not is_nearest(np.float32(float(exact)), exact)
