"""Applies a function to every formula of a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import sympy as sp

from lossgen.spec.model import Assign, Program, Sort, Stage, Term

Map = Callable[[sp.Basic], sp.Basic]


def map_program(program: Program, function: Map) -> Program:
    """Return the program with `function` applied to the formulas of its stages and terms.

    What only targets and parameters enter (divisor and factor of the mean, which samples are kept) stays
    as declared.
    """
    return replace(
        program,
        stages=tuple(map_stage(stage, function) for stage in program.stages),
        terms=tuple(_map_term(term, function) for term in program.terms),
    )


def map_stage(stage: Stage, function: Map) -> Stage:
    """Return the stage with `function` applied to its formulas."""
    if isinstance(stage, Sort):
        return replace(stage, key=function(stage.key))
    return replace(stage, body=tuple(map_assign(assign, function) for assign in stage.body))


def map_assign(assign: Assign, function: Map) -> Assign:
    """Return the assignment with `function` applied to what it assigns and to its guard."""
    return replace(assign, expr=function(assign.expr), guard=function(assign.guard))


def _map_term(term: Term, function: Map) -> Term:
    return replace(term, value=function(term.value))
