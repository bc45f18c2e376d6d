"""A loss that was compiled on demand: the same object as a shipped one, but for where its kernels lie."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from lossgen.errors import LossTypeError
from lossgen.runtime.accuracy import certificate, read_certificate
from lossgen.runtime.build_side import entry_point
from lossgen.runtime.loss import Loss
from lossgen.runtime.manifest import Variant
from lossgen.runtime.sources import Declared, Formula, Source

__all__ = ["CompiledLoss", "compiled"]

_PACKAGE = "lossgen.compile"
# The record of a measurement, beside the kernels.
_ACCURACY = "accuracy.json"


class CompiledLoss(Loss):
    """A loss made by `lossgen.compile`. It is equal to, and pickles as, what it was compiled from.

    Parameters
    ----------
    source : Source
        The formula or declaration.
    """

    def __init__(self, source: Source) -> None:
        self._record = source.record({})
        super().__init__(_PACKAGE, self._record.entry["name"], self._record.entry)
        self.source = source
        self._measured: Mapping[str, Any] | None = None

    def measure(self, points: int = 64) -> Mapping[str, Any]:
        """Measure values and derivatives by the exact expression; needs SymPy, and takes seconds.

        Parameters
        ----------
        points : int
            Samples of each kind and dtype.

        Returns
        -------
        mapping
            What `accuracy` is from now on, in later processes too where the kernels are kept on disk.
        """
        text = entry_point(f"measuring {self.name}").measure(self, points)
        self._record.note(_ACCURACY, text)
        self._measured = certificate(json.loads(text))
        outputs: Mapping[str, Any] = self._measured["outputs"]
        return outputs

    def _certificate(self, variant: Variant) -> Mapping[str, Any] | None:
        if self._measured is None and self._record.path is not None:
            self._measured = read_certificate(self._record.path.with_name(_ACCURACY), variant.fingerprint)
        return self._measured

    def _kernel_module(self) -> str:
        return self._record.module

    def _key(self) -> tuple[str, str, str]:
        return self.package, self.name, self._record.key

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return CompiledLoss, (self.source,)


def compiled(formula: Any, domains: Mapping[str, str] | None, defaults: Mapping[str, float] | None) -> Loss:
    """Return the compiled loss; see `lossgen.compile`."""
    if isinstance(formula, Loss):
        raise LossTypeError(f"{formula!r} is compiled already: call it, or pass its declaration, .spec")
    for given, name in ((domains, "domains"), (defaults, "defaults")):
        if given is not None and not isinstance(given, Mapping):
            raise LossTypeError(f"{name} must map names to values, got {given!r}")
    if isinstance(formula, str):
        return CompiledLoss(_formula(formula, domains or {}, defaults or {}))
    declared = entry_point("compiling what is not a string").declared(formula)
    if isinstance(declared, tuple):
        text, assumed = declared
        return CompiledLoss(_formula(text, {**assumed, **(domains or {})}, defaults or {}))
    if domains or defaults:
        raise LossTypeError("a declaration has its own domains and defaults: pass neither")
    return CompiledLoss(Declared(declared))


def _formula(text: str, domains: Mapping[str, str], defaults: Mapping[str, float]) -> Formula:
    for given, name in ((domains, "domains"), (defaults, "defaults")):
        if wrong := [key for key in given if not isinstance(key, str)]:
            raise LossTypeError(f"{name} has the key {wrong[0]!r}: the keys are names of the formula")
    # Real is what a symbol is anyway; a NumPy number is the number that it holds.
    told = tuple(sorted((key, str(value)) for key, value in domains.items() if value != "real"))
    numbers = {key: value.item() if hasattr(value, "item") else value for key, value in defaults.items()}
    return Formula(text, told, tuple(sorted(numbers.items())))
