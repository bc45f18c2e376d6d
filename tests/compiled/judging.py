"""Compiled losses before the oracle, and what is known to fall short of its pass rule."""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import SimpleNamespace

import numpy as np

from lossgen.oracle.verify import verify_variant

DTYPES = (np.float32, np.float64)


@dataclass(frozen=True)
class Shortfall:
    """Outputs by pattern (``formula/output/dtype``), the largest share of numbers that may fail, and why."""

    pattern: str
    share: float
    reason: str


_EXTREME = "at extreme inputs a part overflows or vanishes though the result does not, or 0 meets an infinity"
_SMALL = "the value is a difference of nearly equal parts near 0: it needs a function of its own"
_ROOT = "at a root of the derivative the rounding of an exponent is all that is left"
_SCALE = "derivative by a parameter: a difference of nearly equal parts for small residuals"
_CURVATURE = "a derivative is left as a difference of fractions that nearly cancel"

# The first row that covers an output counts. No form that the search knows is good at these numbers.
SHORTFALLS = tuple(
    Shortfall(*row)
    for row in (
        ("student/gradient s/*", 0.1, _SCALE),
        ("exponential/hvp x/*", 0.05, _EXTREME),
        ("weibull/*", 0.05, _EXTREME),
        ("complementary log-log/hvp x/float32", 0.05, _EXTREME),
        ("negative binomial/gradient x/float64", 0.02, _ROOT),
        ("poisson likelihood/*", 0.05, _EXTREME),
        ("dispersed counts/*", 0.1, _SMALL),
        ("gamma likelihood/hvp x/*", 0.1, _EXTREME),
        ("zero-inflated/hvp x/*", 0.05, _EXTREME),
        ("tweedie/gradient x/float32", 0.02, _ROOT),
        ("tweedie/hvp x/*", 0.05, _EXTREME),
        ("inverse gaussian/*", 0.4, _CURVATURE),
        ("exponential margin/hvp x/*", 0.05, _EXTREME),
        ("log depth/hvp x/*", 0.05, _EXTREME),
        ("decibel/irls x/float32", 0.05, _EXTREME),
    )
)

# Formulas of the suite with an output, value or gradient, in which more than 1 % of the numbers fail.
BEYOND = {
    "dispersed counts": "gamma functions of nearly equal arguments",
    "beta divergence": "three powers that cancel to second order where the arguments agree",
    "barron": "the derivative by the exponent cancels to fourth order for small residuals",
}


class Chosen:
    """A loss whose variant is the one that its calls compile on first use."""

    def __init__(self, loss, variant):
        self.loss, self.entry = loss, SimpleNamespace(variants=[variant])
        self.grad, self.grad_and_hess, self.hvp = loss.grad, loss.grad_and_hess, loss.hvp

    def __call__(self, *args, **kwargs):
        return self.loss(*args, **kwargs)


def judged(loss, points, dtypes=DTYPES, seed=0, variant=None):
    """Measure a compiled loss, or a variant compiled on first use, against the exact expression."""
    spec = loss.spec
    declared = spec.variant(**(variant.static if variant is not None else {}))
    if variant is not None:
        declared = replace(declared, suffix=variant.suffix)
    function = loss if variant is None else Chosen(loss, variant)
    package = SimpleNamespace(all=lambda: {spec.name: function})
    return verify_variant(spec, declared, package=package, dtypes=dtypes, points=points, seed=seed)


def excuse(name, row):
    """Return the row of the table that covers an output."""
    return next((s for s in SHORTFALLS if fnmatchcase(f"{name}/{row.output}/{row.dtype}", s.pattern)), None)


def unexcused(name, rows):
    """Return what fails more often than the table allows, in words."""
    found = []
    for row in rows:
        known = excuse(name, row)
        if row.failed > (0 if known is None else max(1, int(known.share * row.points))):
            found.append(f"{name}/{row.output}/{row.dtype}: {row.failed} of {row.points}: {row.worst_point}")
    return found
