"""Every derivative of every shipped formula, as derived and as rewritten, is the exact one.

The routine is evaluated in 80 digits; the judge is the oracle's power series, which know nothing of the
differentiator.
"""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from lossgen.derive.routines import routines
from lossgen.oracle.evaluate import Oracle, Request
from lossgen.oracle.samplers import batches
from lossgen.stabilize.clean import clean
from lossgen.stabilize.lift import lift
from tests.derive.interpreter import Interpreter
from tests.shipped import LOSSES

VARIANTS = [(loss, variant) for loss in LOSSES for variant in loss.variants]
POINTS = 6


def close(got, truth):
    if truth.ball is None:
        return True
    exact = mpmath.mpf(truth.ball.mid().str(60, radius=False))
    if not mpmath.isfinite(exact):
        return got == exact
    return abs(got - exact) <= mpmath.mpf(float(truth.ball.rad())) + mpmath.mpf(10) ** -30 * max(
        1, abs(exact)
    )


@pytest.mark.parametrize("form", ["derived", "rewritten"])
@pytest.mark.parametrize(
    ("loss", "variant"), VARIANTS, ids=lambda v: getattr(v, "name", getattr(v, "suffix", "")) or "default"
)
def test_routines_are_exact_derivatives(loss, variant, form):
    program = variant.program
    oracle = Oracle(program)
    lifted = lift(program) if form == "rewritten" else program
    found = routines(lifted)
    if form == "rewritten":
        found = {kind: clean(routine) for kind, routine in found.items()}
    compared = 0
    with mpmath.workdps(80):
        for batch in batches(loss, variant, oracle, "practical", POINTS, np.float64, 1):
            for case in batch.cases:
                compared += compare(found, program, oracle, case, batch.params)
    assert compared >= POINTS


def compare(found, program, oracle, case, params):
    inputs = {**case.inputs}
    tangents = {
        t.name: np.cos(1.0 + np.arange(inputs[t.name].size)).reshape(inputs[t.name].shape)
        for t in program.predictions
    }
    direction = tuple(
        ((name, at), float(values[at]))
        for name, values in tangents.items()
        for at in np.ndindex(values.shape)
    )
    compared = 0
    for kind, routine in found.items():
        given = dict(inputs) | {f"tangent_{name}": values for name, values in tangents.items()}
        for tensor in routine.inputs:
            if tensor.role == "weight":
                given["weight"] = np.ones([_extent(program, axis, inputs) for axis in tensor.axes])
            if tensor.role == "scale":
                given[tensor.name] = np.array(float(program.terms[int(tensor.name[5:])].coefficient))
        outputs, results = Interpreter(routine, given).run()
        if kind in ("value", "gradient"):
            total = mpmath.fsum(
                r * mpmath.mpf(str(t.coefficient.evalf(80)))
                for r, t in zip(results, program.terms, strict=True)
            )
            assert close(total, oracle.truth(case, Request("value"))), (kind, case)
            compared += 1
        for name, entries in outputs.items():
            prefix, _, of = name.partition("_")
            asked = {"grad": "gradient", "hess": "hessian", "hv": "hvp"}.get(prefix)
            if asked is None:
                continue
            for at, got in entries.items():
                request = Request(asked, (of, at), tangent=direction if asked == "hvp" else ())
                truth = oracle.truth(case, request)
                assert close(got, truth), (kind, name, at, got, float(truth), inputs)
                compared += 1
    return compared


def _extent(program, axis, inputs):
    for tensor in program.inputs:
        for one, size in zip(tensor.axes, inputs[tensor.name].shape, strict=True):
            if one == axis:
                return size
    raise AssertionError(axis)
