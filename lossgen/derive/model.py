"""What derivation hands on: routines, each the straight mathematics of one kernel over one sample."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.tensors import Element, Tensor
from lossgen.spec.model import Stage

# Gradient with a curvature, unreduced: the Hessian diagonal, and what stands in for it.
CURVATURES = ("hessian", "bound", "irls")
KINDS = ("values", "value", "gradient", "gradient_all", "hessian", "hvp", "bound", "irls")


@dataclass(frozen=True)
class Routine:
    """The mathematics of one kernel over one sample.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    inputs : tuple of Tensor
        What it may read, in the order of the kernel's arguments: tensors, parameters, tangents (role
        ``tangent``), ``weight`` (role ``weight``, over the item axes), then ``scale0``, ``scale1`` ... (role
        ``scale``, one number per term; absent in ``values`` and `CURVATURES`).
    outputs : tuple of Tensor
        What it writes (role ``output``), in the order of the kernel's arguments. Every entry is written; an
        output assigned with ``add`` starts at 0.
    steps : tuple of Stage
        Sweeps and sorts in order; they assign local tensors (role ``local``) and outputs. A local assigned
        with ``add`` starts at 0.
    results : tuple of Expr
        One number per term: the sum over its items of weight * value. Empty for ``values``, ``hvp`` and
        `CURVATURES`.
    keep : Boolean
        Where false, results and outputs are 0 and nothing but what the condition itself names is read.
    extents : tuple
        Axis -> element of the length tensor that bounds it in this sample.
    """

    kind: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    steps: tuple[Stage, ...]
    results: tuple[sp.Expr, ...]
    keep: Boolean = sp.true
    extents: tuple[tuple[Axis, Element], ...] = ()


@dataclass(frozen=True)
class Prepass:
    """What depends on targets and parameters alone: divisor of the mean, factor of its numerator, validity of
    labels and lengths.

    Attributes
    ----------
    inputs : tuple of Tensor
        What it reads, the weight apart.
    divisors : tuple of Expr
        For each term, what one item adds to the divisor of its mean, for a weight of 1.
    items : tuple
        The items of each term.
    weight : Tensor
        The weight, over the items that all terms have.
    mean_scale : Expr
        Factor of the numerators in a mean.
    keep : Boolean
        Where false the sample is not looked at.
    needed : tuple
        Entry of a class index, at free indices -> where it must be valid; everywhere if it is not named.
    """

    inputs: tuple[Tensor, ...]
    divisors: tuple[sp.Expr, ...]
    items: tuple[tuple[Index, ...], ...]
    weight: Tensor
    mean_scale: sp.Expr
    keep: Boolean = sp.true
    needed: tuple[tuple[Element, Boolean], ...] = ()
    extents: tuple[tuple[Axis, Element], ...] = ()
