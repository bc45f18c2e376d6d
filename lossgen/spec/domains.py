"""Where a number may lie: its domain, and a limit above."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["DOMAINS", "Limit", "described", "excluded"]

# Whether a number lies in a domain, and how to say it.
DOMAINS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "real": (lambda number: True, "finite"),
    "positive": (lambda number: number > 0, "greater than 0"),
    "nonnegative": (lambda number: number >= 0, "0 or greater"),
    "unit": (lambda number: 0 <= number <= 1, "between 0 and 1"),
    "sign": (lambda number: number in (-1, 1), "-1 or 1"),
}


@dataclass(frozen=True)
class Limit:
    """The end of the numbers that a parameter may be; whether it is one of them."""

    number: int | float
    included: bool

    def allows(self, number: Any) -> bool:
        return bool(number <= self.number if self.included else number < self.number)

    def __str__(self) -> str:
        return f"{'at most' if self.included else 'less than'} {self.number}"


def described(domain: str, limit: Limit | None) -> str:
    """Say where a number may lie."""
    _, wording = DOMAINS.get(domain, DOMAINS["real"])
    if limit is None:
        return wording
    return str(limit) if domain == "real" else f"{wording} and {limit}"


def excluded(domain: str, limit: Limit | None, number: Any) -> str | None:
    """Return what a number would have to be, None where it is that."""
    allowed, _ = DOMAINS.get(domain, DOMAINS["real"])
    if allowed(number) and (limit is None or limit.allows(number)):
        return None
    return described(domain, limit)
