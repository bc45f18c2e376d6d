"""What is known to fall short of the pass rule, with the reason: everything else must pass.

A row excuses a share of the numbers of one output, no more. `test_shortfalls_are_real` (full tier) keeps the
table free of rows that are not needed any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lossgen.oracle.verify import VerifyRow


@dataclass(frozen=True)
class Shortfall:
    """Outputs by pattern (``loss/variant/output/dtype``), the largest share of numbers that may fail, and
    why.
    """

    pattern: str
    share: float
    reason: str


_ABSORBED = (
    "logarithms beyond 1/eps absorb what decides between paths; the judge excuses only the clear cases"
)
_PARAMETER = "derivative by a scale: value / scale minus a mean that nearly equals it; needs its own form"
_PRODUCTS = (
    "inner products whose terms overflow or vanish although the loss does not; their stage is not rescaled"
)
_SUBNORMAL = "products whose first factors fall below the smallest normal number, and so does the result"

SHORTFALLS: tuple[Shortfall, ...] = (
    Shortfall("soft_path/default/gradient softness/*", 0.25, _PARAMETER),
    Shortfall("soft_path/default/hvp x/*", 0.05, _ABSORBED),
    Shortfall("info_nce/*/*", 0.03, _PRODUCTS),
    Shortfall("info_nce_scores/*/hvp s/float32", 0.03, _SUBNORMAL),
)
# At thousands of points some extreme one may fail in any output until forms are chosen by measured error; a
# share beyond this is no rare point.
RARE = 0.01


def name(row: VerifyRow) -> str:
    """Name of an output, as the patterns have it."""
    return f"{row.loss}/{row.variant or 'default'}/{row.output}/{row.dtype}"


def excuse(row: VerifyRow) -> Shortfall | None:
    """Return the row of the table that covers an output."""
    return next((one for one in SHORTFALLS if fnmatchcase(name(row), one.pattern)), None)


def unexcused(rows: Iterable[VerifyRow], rare: float = 0.0) -> list[VerifyRow]:
    """Return the rows that fail more often than the table, or the share `rare`, allows.

    Where any share may fail, one number may.
    """
    found = []
    for row in rows:
        known = excuse(row)
        share = rare if known is None else max(known.share, rare)
        if row.failed > (max(1, int(share * row.points)) if share else 0):
            found.append(row)
    return found
