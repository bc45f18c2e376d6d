"""One static variant through lifting, derivation, cleaning and series: the mathematics, before any loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lossgen.derive.model import KINDS, Routine
from lossgen.derive.routines import routines
from lossgen.spec.model import Variant
from lossgen.spec.program import Program
from lossgen.stabilize.clean import clean_with_record
from lossgen.stabilize.curvature.rules import Rule, curvature_rules
from lossgen.stabilize.lift import lift_with_record
from lossgen.stabilize.regimes.branches import with_regimes_and_record
from lossgen.stabilize.rule import Rewrite

__all__ = ["Staged", "staged"]


@dataclass(frozen=True)
class Staged:
    """What the stages made of a variant, and which rules fired on the way.

    Attributes
    ----------
    lifted : Program
        The formula in stable functions.
    lifting : tuple of Rewrite
        What made it so.
    derived, cleaned, branched : mapping
        Routines of each kind: as derived, each branch in its best form, with series where sums cancel.
    record : mapping
        What was rewritten in the routine of each kind.
    rules : mapping
        Curvature rules beside the exact one.
    """

    lifted: Program
    lifting: tuple[Rewrite, ...]
    derived: Mapping[str, Routine]
    cleaned: Mapping[str, Routine]
    branched: Mapping[str, Routine]
    record: Mapping[str, tuple[Rewrite, ...]]
    rules: Mapping[str, Rule]


def staged(variant: Variant) -> Staged:
    """Run a variant through the stages that are mathematics."""
    lifted, lifting = lift_with_record(variant.program)  # exact mathematics to stable functions
    derived = dict(routines(lifted))  # value, gradients, curvature
    cleaned: dict[str, Routine] = {}
    record: dict[str, tuple[Rewrite, ...]] = {}
    for kind, routine in derived.items():  # each branch in its own best form
        cleaned[kind], record[kind] = clean_with_record(routine)
    rules = curvature_rules(variant.program, lifted, cleaned.get("hessian"))  # weights and bounds
    for rule in rules.values():
        if rule.routine is not None and rule.derived is not None:
            derived[rule.kind], cleaned[rule.kind] = rule.derived, rule.routine
            record[rule.kind] = rule.record
    branched: dict[str, Routine] = {}
    for kind in KINDS:  # series
        if kind in cleaned:
            branched[kind], series = with_regimes_and_record(cleaned[kind])
            record[kind] += series
    return Staged(lifted, lifting, derived, cleaned, branched, record, rules)
