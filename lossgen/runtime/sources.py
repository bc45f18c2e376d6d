"""What kernels are compiled from when they are asked for: a formula, a declaration, or a shipped loss."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lossgen.runtime.build_side import entry_point, load_spec
from lossgen.runtime.identity import key_of
from lossgen.runtime.store import Record, find, keep

__all__ = ["Declared", "Formula", "Shipped", "Source"]

Made = tuple[dict[str, Any], str]


class Source(Protocol):
    """Something with a declaration, whose variants are compiled on first use."""

    @property
    def spec(self) -> Any:
        """The declaration; needs SymPy."""

    def record(self, static: Mapping[str, Any]) -> Record:
        """Return the kernels of the variant with these static choices."""


def _obtain(identity: dict[str, Any], purpose: str, make: Callable[[Any, float], Made]) -> Record:
    """Return the kernels of this identity; `make` gets the build side and when the wait began."""
    began = time.monotonic()
    key = key_of(identity)
    record = find(key)
    if record is None:
        record = keep(key, *make(entry_point(purpose), began))
    return record


def _plain(static: Mapping[str, Any]) -> list[list[str]]:
    return [[name, repr(value)] for name, value in sorted(static.items())]


@dataclass(frozen=True)
class Formula:
    """A formula as text, with domains and defaults as sorted pairs; found in the cache without SymPy."""

    text: str
    domains: tuple[tuple[str, str], ...] = ()
    defaults: tuple[tuple[str, float], ...] = ()

    @property
    def spec(self) -> Any:
        """The declaration."""
        side = entry_point("the declaration of a formula")
        return side.formula_spec(self.text, dict(self.domains), dict(self.defaults))

    def record(self, static: Mapping[str, Any]) -> Record:
        """Return the kernels; a formula has no static choices."""
        identity = {
            "formula": self.text,
            "domains": dict(self.domains),
            # As written: 2 and 2.0 show differently in the signature.
            "defaults": {name: repr(value) for name, value in self.defaults},
        }
        return _obtain(
            identity,
            "compiling a formula",
            lambda side, began: side.compile_formula(
                self.text, dict(self.domains), dict(self.defaults), began
            ),
        )


@dataclass(frozen=True)
class Declared:
    """A declaration of the spec language, which only a process with SymPy can hold."""

    spec: Any

    def record(self, static: Mapping[str, Any]) -> Record:
        """Return the kernels of one variant."""
        side = entry_point("compiling a declaration")
        identity = {"declaration": side.identity(self.spec, static)}
        return _obtain(
            identity,
            "compiling a declaration",
            lambda side, began: side.compile_loss(self.spec, static, began),
        )


@dataclass(frozen=True)
class Shipped:
    """A loss of a generated package; `fingerprint` tells its declaration apart from earlier ones."""

    package: str
    name: str
    fingerprint: str

    @property
    def spec(self) -> Any:
        """The declaration."""
        return load_spec(self.package, self.name)

    def record(self, static: Mapping[str, Any]) -> Record:
        """Return the kernels of one variant."""
        identity = {
            "loss": f"{self.package}.{self.name}",
            "fingerprint": self.fingerprint,
            "static": _plain(static),
        }
        return _obtain(
            identity,
            f"compiling {self.name} with other choices",
            lambda side, began: side.compile_shipped(self.package, self.name, static, began),
        )
