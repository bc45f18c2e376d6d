"""Samples with an axis of length zero."""

from __future__ import annotations

import numpy as np

from lossgen.oracle.evaluate import Case
from lossgen.oracle.samplers import batches
from lossgen.spec.model import Loss, Variant

from .discovery import VARIANTS, Subject, beside, subject


def axes(variant: Variant) -> list[str]:
    """Return the names of the axes whose length an argument decides."""
    found = [axis for t in variant.program.inputs for axis in t.axes if axis.extent is None]
    return list(dict.fromkeys(axis.name for axis in found))


EMPTY = [beside(p, axis, axis) for p in VARIANTS for axis in axes(p.values[1])]


def emptied(loss: Loss, variant: Variant, axis: str) -> tuple[Subject, list[Case]]:
    """Return a subject whose parameters are not the defaults, and its samples with nothing along an axis."""
    it = subject(loss, variant, count=2)
    *_, last = batches(loss, variant, it.oracle, "practical", 8, np.float64, 1)
    it.cases = last.cases[: len(it.cases)]
    return it, [without(loss, variant, case, axis) for case in it.cases]


def without(loss: Loss, variant: Variant, case: Case, axis: str) -> Case:
    """Return a sample with nothing along an axis and along those that are as long."""
    over = {p.name: p.over.name for p in loss.parameters if p.over is not None}
    inputs = dict(case.inputs)
    for tensor in variant.program.inputs:
        gone = [axis in (one.name, str(one.extent)) for one in tensor.axes]
        inputs[tensor.name] = inputs[tensor.name][tuple(slice(0, 0) if g else slice(None) for g in gone)]
        if tensor.role == "length" and over[tensor.name] == axis:
            inputs[tensor.name] = np.zeros_like(inputs[tensor.name])
    return Case(inputs)


def names_a_position(loss: Loss, variant: Variant, case: Case, axis: str) -> bool:
    """Whether an argument of a sample is a position on an axis."""
    return any(
        parameter.over is not None
        and parameter.over.name == axis
        and parameter.kind != "length"
        and case.inputs[parameter.name].size > 0
        for parameter in loss.parameters
    )
