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


SHORTFALLS: tuple[Shortfall, ...] = ()


def name(row: VerifyRow) -> str:
    """Name of an output, as the patterns have it."""
    return f"{row.loss}/{row.variant or 'default'}/{row.output}/{row.dtype}"


def excuse(row: VerifyRow) -> Shortfall | None:
    """Return the row of the table that covers an output."""
    return next((one for one in SHORTFALLS if fnmatchcase(name(row), one.pattern)), None)


def unexcused(rows: Iterable[VerifyRow]) -> list[VerifyRow]:
    """Return the rows that fail more often than the table allows; one number may always fail where a share
    may.
    """
    found = []
    for row in rows:
        known = excuse(row)
        allowed = 0 if known is None else max(1, int(known.share * row.points))
        if row.failed > allowed:
            found.append(row)
    return found
