"""The table of rewrite rules, in the order in which they are tried.

Adding an identity is adding a row to one of the modules here; its examples are its test.
"""

from lossgen.stabilize.rule import Rule
from lossgen.stabilize.rules import (
    bends,
    choices,
    differences,
    entropies,
    exponentials,
    extremes,
    fractions,
    guards,
    logarithms,
    mixtures,
    pairs,
    powers,
    ranges,
    ratios,
    remainders,
    roots,
    shares,
    tails,
    tangents,
    vanishing,
)

RULES: tuple[Rule, ...] = (
    *choices.RULES,
    *tangents.RULES,
    *powers.RULES,
    *entropies.RULES,
    *exponentials.RULES,
    *logarithms.RULES,
    *tails.RULES,
    *shares.RULES,
    *mixtures.RULES,
    *remainders.RULES,
    *differences.RULES,
    *pairs.RULES,
    *ratios.RULES,
    *bends.RULES,
    *fractions.RULES,
    *roots.RULES,
    *vanishing.RULES,
    *extremes.RULES,
    *guards.RULES,
    *ranges.RULES,
)


def rules_of(*phases: str) -> tuple[Rule, ...]:
    """Return the rules that run in any of `phases`."""
    return tuple(rule for rule in RULES if any(phase in rule.phases for phase in phases))
