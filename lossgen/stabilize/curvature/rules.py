"""The curvature rules of a program: which exist, what they compute, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from lossgen.algebra.tensors import Element, Tensor
from lossgen.derive.model import Routine
from lossgen.derive.routines import no_hessian, weight_of, with_curvature
from lossgen.errors import LossError
from lossgen.spec.program import Assign, Program, Sweep
from lossgen.stabilize.clean import clean_with_record
from lossgen.stabilize.curvature.majorize import largest_weight, upper_bound
from lossgen.stabilize.curvature.reweight import Weight, weight
from lossgen.stabilize.rule import Rewrite


@dataclass(frozen=True)
class Rule:
    """One curvature rule of one variant.

    Attributes
    ----------
    kind : str
        The kind of kernel that computes it; empty where the rule does not exist.
    derived : Routine or None
        What was derived, before cleaning.
    routine : Routine or None
        The cleaned routine; None where the kernel of the Hessian computes the same.
    curvatures : tuple of Assign
        The assignments of the curvatures, cleaned.
    above : bool
        Whether the parabola with this curvature that touches the loss is proved to lie above it.
    reason : str
        Why the rule does not exist.
    record : tuple of Rewrite
        What cleaning rewrote.
    """

    kind: str = ""
    derived: Routine | None = None
    routine: Routine | None = None
    curvatures: tuple[Assign, ...] = ()
    above: bool = False
    reason: str = ""
    record: tuple[Rewrite, ...] = ()


def curvature_rules(program: Program, lifted: Program, hessian: Routine | None) -> dict[str, Rule]:
    """Return the rules beside ``exact``, by name.

    Parameters
    ----------
    program, lifted : Program
        The exact mathematics, and its stable form.
    hessian : Routine or None
        Gradient and Hessian diagonal, cleaned: a rule that says the same needs no kernel.
    """
    found: Weight | None = None
    try:
        found = weight(program)
        irls = _rule(_weighted(lifted, "irls", found.expr), hessian, found.falls)
    except LossError as error:
        irls = Rule(reason=f"weights are slope / residual, and {error}")
    if hessian is None:
        return {"bound": Rule(reason=str(no_hessian(lifted))), "irls": irls}
    try:
        return {"bound": _bound(lifted, hessian, found), "irls": irls}
    except LossError as error:
        return {"bound": Rule(reason=str(error)), "irls": irls}


def _bound(lifted: Program, hessian: Routine, found: Weight | None) -> Rule:
    if found is not None and found.falls:
        return _rule(_weighted(lifted, "bound", largest_weight(found)), hessian, True)
    cleaned = {assign.target: assign.expr for assign in _curvatures(hessian)}

    def bound(x: Tensor, assign: Assign) -> sp.Expr:
        target = next(one for one in cleaned if one.tensor.name == f"hess_{x.name}")
        return upper_bound(lifted, x, assign, cleaned[target])

    return _rule(with_curvature(lifted, "bound", bound), hessian, True)


def _weighted(lifted: Program, kind: str, curvature: sp.Expr) -> Routine:
    each = Element(weight_of(lifted))
    return with_curvature(lifted, kind, lambda x, assign: each * curvature)


def _rule(derived: Routine, hessian: Routine | None, above: bool) -> Rule:
    routine, record = clean_with_record(derived)
    found = _curvatures(routine)
    if hessian is not None and found == _curvatures(hessian):
        return Rule("hessian", derived, None, found, above)
    return Rule(routine.kind, derived, routine, found, above, record=record)


def _curvatures(routine: Routine) -> tuple[Assign, ...]:
    written = {output.name for output in routine.outputs if output.name.startswith("hess_")}
    return tuple(
        assign
        for step in routine.steps
        if isinstance(step, Sweep)
        for assign in step.body
        if assign.target.tensor.name in written
    )
