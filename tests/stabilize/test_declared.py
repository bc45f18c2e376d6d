"""The declared losses mean the same before and after lifting, and their derivatives before and after
cleaning.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import mpmath
import pytest
import sympy as sp

from lossgen.algebra.axes import Axis
from lossgen.algebra.tensors import Tensor
from lossgen.derive.routines import routines
from lossgen.spec.model import Program
from lossgen.spec.registry import load
from lossgen.stabilize.clean import clean
from lossgen.stabilize.lift import lift
from tests.stabilize.evaluate import HIGH
from tests.stabilize.interpret import extent, run_program, run_routine
from tests.stabilize.points import entry

SPECS = Path(__file__).resolve().parents[2] / "specs"
VARIANTS = [
    pytest.param(variant.program, id="-".join(filter(None, (declared.name, variant.suffix))))
    for declared in load(SPECS)
    for variant in declared.variants
]
EXTENTS = {"C": 4, "D": 3, "N": 3, "M": 3, "S": 5, "P": 4, "T": 5, "U": 2}


def values_for(tensors: tuple[Tensor, ...], source: random.Random) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for tensor in tensors:
        for axis in tensor.axes:
            values[axis.name] = extent(axis, values) if axis.extent is not None else EXTENTS[axis.name]
    for tensor in tensors:
        values[tensor.name] = fill(tensor, tensor.axes, values, source)
    return values


def fill(tensor: Tensor, axes: tuple[Axis, ...], values: dict[str, Any], source: random.Random) -> Any:
    if axes:
        return [fill(tensor, axes[1:], values, source) for _ in range(values[axes[0].name])]
    return entry(tensor, source)


def assert_same(before: Any, after: Any) -> None:
    if isinstance(before, list):
        for one, other in zip(before, after, strict=True):
            assert_same(one, other)
    else:
        assert abs(before - after) <= mpmath.mpf(10) ** -50 * max(1, abs(before)), (before, after)


def with_derived(values: dict[str, Any], program: Program) -> dict[str, Any]:
    """Add the axes that no input has, whose extents formulas may name."""
    formulas = [term.value for term in program.terms]
    axes = {axis for formula in formulas for axis in sp.Tuple(formula).atoms(Axis) if axis.name not in values}
    return values | {axis.name: extent(axis, values) for axis in axes if axis.extent is not None}


@pytest.mark.parametrize("program", VARIANTS)
def test_lifting_keeps_the_loss(program: Program) -> None:
    source, lifted = random.Random(1), lift(program)
    with mpmath.workdps(100):
        for _ in range(3):
            values = with_derived(values_for(program.inputs, source), program)
            assert_same(run_program(program, values, HIGH), run_program(lifted, values, HIGH))


@pytest.mark.parametrize("program", VARIANTS)
def test_lifting_twice_changes_nothing(program: Program) -> None:
    once = lift(program)
    assert lift(once) == once


@pytest.mark.parametrize("program", VARIANTS)
def test_cleaning_keeps_every_routine(program: Program) -> None:
    source, lifted = random.Random(2), lift(program)
    for kind, routine in routines(lifted).items():
        values = with_derived(values_for((*program.inputs, *routine.inputs), source), program)
        cleaned = clean(routine)
        assert clean(cleaned) == cleaned, kind
        with mpmath.workdps(100):
            before, after = (run_routine(r, values, HIGH) for r in (routine, cleaned))
        for name, value in before.items():
            assert_same(value, after[name])


@pytest.mark.parametrize("program", VARIANTS)
def test_lifting_keeps_the_derivative(program: Program) -> None:
    """The cleaned gradient of the lifted loss is that of the exact one."""
    source = random.Random(3)
    plain, stable = (routines(p)["gradient"] for p in (program, lift(program)))
    values = with_derived(values_for((*program.inputs, *plain.inputs), source), program)
    with mpmath.workdps(100):
        before, after = run_routine(plain, values, HIGH), run_routine(clean(stable), values, HIGH)
    for name, value in before.items():
        assert_same(value, after[name])
