"""Whether a kernel computes in float64 although its arrays hold float32.

What is computed on the way may leave the range of float32 although the result does not: a share of 1e-42
that large numbers multiply again, the third power of a small probability, a product of entries of 1e30
before it is divided. In float64 nothing on the way does. Values and gradients but those of inner products
stay in float32: they are bound by memory, and their terms keep to the range of their results.
"""

from __future__ import annotations

import sympy as sp

from lossgen.algebra import vocabulary as vo
from lossgen.algebra.nodes import Reduction
from lossgen.algebra.tensors import Element
from lossgen.derive.model import Routine
from lossgen.spec.model import Sweep

_SECOND_ORDER = ("hessian", "hvp", "bound", "irls")
# Entries that are coupled, and what vanishes far from 0.
_FAR = (Reduction, sp.exp, vo.sigmoid, vo.powered)
_VARYING = ("pred", "local")


def is_wide(routine: Routine) -> bool:
    """Tell whether the kernel of a routine computes in float64."""
    sweeps = [stage for stage in routine.steps if isinstance(stage, Sweep)]
    exprs = [assign.expr for sweep in sweeps for assign in sweep.body]
    if routine.kind in _SECOND_ORDER:
        return any(expr.has(*_FAR) for expr in exprs)
    return any(_is_inner_product(node) for expr in exprs for node in expr.atoms(Reduction))


def _is_inner_product(node: Reduction) -> bool:
    factors = sp.Mul.make_args(node.body)
    varying = [f for f in factors if isinstance(f, Element) and f.tensor.role in _VARYING]
    return node.op == "sum" and len(varying) > 1
