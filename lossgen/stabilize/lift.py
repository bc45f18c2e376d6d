"""Before differentiation: exact formulas become formulas in the vocabulary of stable functions.

Derivatives of stable functions are stable functions, so this is where most of the accuracy is won. The
rules are exact identities, applied until none fires; positive recurrences, and stages of which a
logarithm is taken, move to the log domain.

One form per output comes out. Where several forms are to compete by measured error, `lift` yields the
first of them: the unlifted and the factored program are made beside it, each is differentiated and
cleaned, and the oracle's score picks one per output and dtype.
"""

from __future__ import annotations

from dataclasses import replace

from lossgen.spec.model import Program, Sort
from lossgen.stabilize.keys import shorten_key
from lossgen.stabilize.logdomain import demanded_logarithms, logarithm, positive_recurrences, to_log_domain
from lossgen.stabilize.rewriter import Rewriter
from lossgen.stabilize.rule import Rewrite
from lossgen.stabilize.rules import rules_of
from lossgen.stabilize.walk import map_program


def lift(program: Program) -> Program:
    """Return the program in stable form; equal to it as exact mathematics."""
    return lift_with_record(program)[0]


def lift_with_record(program: Program) -> tuple[Program, tuple[Rewrite, ...]]:
    """Return the lifted program and every firing of a rule, in order."""
    rewriter, guard = Rewriter(rules_of("lift")), Rewriter(rules_of("guard"))
    moved: list[Rewrite] = []
    chosen = positive_recurrences(program)
    while True:
        moved += [
            Rewrite("kept-as-logarithm", tensor, logarithm(tensor)) for tensor in sorted(chosen, key=str)
        ]
        program = map_program(to_log_domain(program, chosen), rewriter)
        if not (chosen := demanded_logarithms(program)):
            break
    stages = tuple(shorten_key(stage) if isinstance(stage, Sort) else stage for stage in program.stages)
    program = map_program(replace(program, stages=stages), guard)
    return program, (*moved, *rewriter.record, *guard.record)
