"""The object that users hold: a loss, called for its value, with its derivatives as methods."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from inspect import Signature
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lossgen.errors import LossError, LossTypeError
from lossgen.runtime.absent import Absent
from lossgen.runtime.accuracy import read_certificate, record_path
from lossgen.runtime.bind import Binder, Request, find_variant, no_variant, wanted_choices
from lossgen.runtime.call import Call
from lossgen.runtime.called import Called
from lossgen.runtime.chunks import gradients_over, value_over
from lossgen.runtime.display import html_card, one_line
from lossgen.runtime.docstring import documentation
from lossgen.runtime.evaluate import OPERATIONS
from lossgen.runtime.example import curve
from lossgen.runtime.manifest import Entry, Param, Static, Variant, parse_entry
from lossgen.runtime.package import load_loss
from lossgen.runtime.plan import Kind, make_plan
from lossgen.runtime.signature import operation_signature
from lossgen.runtime.sources import Shipped, Source

__all__ = ["Loss", "Operation"]

# Brings Numba, so it is imported with the first kernel.
_LAUNCH_MODULE = "lossgen.runtime.launch"
# Kinds of calls that an operation remembers; a program whose shapes never repeat gains nothing by more.
MOST_PLANS = 256


def _kernels(module: str) -> Any:
    return importlib.import_module(_LAUNCH_MODULE).Kernels(module)


class Operation(Called):
    """One derivative of a loss, as a function with a real signature.

    Parameters
    ----------
    loss : Loss
        The loss.
    name : str
        Which operation.
    """

    def __init__(self, loss: Loss, name: str) -> None:
        entry = loss.entry
        self.__name__ = name
        self.__qualname__ = f"{loss.name}.{name}"
        self.__module__ = loss.package
        self.__signature__ = operation_signature(entry, name)
        self.__doc__ = documentation(entry, name, self.__signature__)
        self._loss = loss
        self._evaluate = OPERATIONS[name]
        self._binder = Binder(loss.name if name == "value" else f"{loss.name}.{name}", entry, name)
        self._plans = {}
        self._general = self._prepare

    def _prepare(self, kind: Kind | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        loss = self._loss
        request = self._binder.bind(args, kwargs)
        variant, kernels = loss.prepared(request)
        if variant.item_axes and request.options["where"] is not None:
            absent = Absent(loss.name, loss.entry, variant, request)
            return absent.evaluate(
                self.__name__,
                lambda kept: self._evaluate(Call(loss.name, loss.entry, variant, kept, kernels), kept),
            )
        call = Call(loss.name, loss.entry, variant, request, kernels)
        result = self._evaluate(call, request)
        # Only now is it known that calls of this kind are right.
        if kind is not None and kind not in self._plans:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._plans[kind] = make_plan(self.__name__, call, request, args)
        return result

    def __repr__(self) -> str:
        return f"<{self.__qualname__}{self.__signature__}>"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return getattr, (self._loss, self.__name__)


class Loss(Called):
    """A loss function with exact derivatives, compiled on first use.

    Calling it gives the value; `value_and_grad`, `grad`, `grad_and_hess` and `hvp` give derivatives. It is
    equal to, and pickles as, the loss of the same name in the same package.

    Parameters
    ----------
    package : str
        Import name of the generated package.
    name : str
        Name of the loss.
    manifest : mapping
        What the package's manifest says about it.
    folder : Path, optional
        Where the package lies, with its records.
    """

    def __init__(
        self, package: str, name: str, manifest: Mapping[str, Any], folder: Path | None = None
    ) -> None:
        self.package = package
        self._folder = folder
        self.name = name
        self.entry: Entry = parse_entry(manifest)
        self.source: Source = Shipped(package, name, self.entry.default_variant.fingerprint)
        self._on_demand: dict[str, tuple[Variant, Any]] = {}
        self.__name__ = name
        self.__qualname__ = name
        self.__module__ = package
        self._value = Operation(self, "value")
        self._plans, self._general = self._value._plans, self._value._general
        self.__signature__: Signature = self._value.__signature__
        self.__doc__ = self._value.__doc__

    @cached_property
    def value_and_grad(self) -> Operation:
        """The value and its gradient, from one pass over the data."""
        return Operation(self, "value_and_grad")

    @cached_property
    def grad(self) -> Operation:
        """The gradient alone."""
        return Operation(self, "grad")

    @cached_property
    def grad_and_hess(self) -> Operation:
        """Gradient and Hessian diagonal, not reduced: for boosting and Newton's method."""
        return Operation(self, "grad_and_hess")

    @cached_property
    def hvp(self) -> Operation:
        """The Hessian times a direction."""
        return Operation(self, "hvp")

    def value_over(self, chunks: Iterable[Any], **options: Any) -> Any:
        """Return the value of data that come in chunks of samples: the bits of one call on all of them, where
        the mean divides by whole numbers.

        Parameters
        ----------
        chunks : iterable
            Tuples of arrays in the order of a call, or mappings of names to arrays, with ``weight`` and
            ``where`` if there are such. Their first dimension is one of samples, their lengths may differ.
        **options
            Parameters, static choices and ``reduction`` of a call.
        """
        return value_over(self, chunks, options)

    def gradients_over(self, chunks: Iterable[Any], **options: Any) -> Iterator[Any]:
        """Return an iterator of the gradients, chunk by chunk: the bits of one call on all of them.

        Parameters
        ----------
        chunks : iterable
            As for `value_over`. They are gone through twice: first for what the mean divides by.
        **options
            Parameters, static choices, ``reduction`` and ``upstream`` of a call.
        """
        return gradients_over(self, chunks, options)

    @cached_property
    def kernels(self) -> Any:
        """The compiled functions, imported with Numba on first use."""
        return _kernels(self._kernel_module())

    def _kernel_module(self) -> str:
        return f"{self.package}.{self.entry.module}"

    def prepared(self, request: Request) -> tuple[Variant, Any]:
        """Return the variant that a call wants, and its kernels; one that has none yet is compiled now."""
        wanted = wanted_choices(self.entry, request)
        variant = find_variant(self.entry, wanted)
        if variant is not None:
            return variant, self.kernels
        name = repr(sorted(wanted.items()))
        if name not in self._on_demand:
            self._on_demand[name] = self._first_use(wanted)
        return self._on_demand[name]

    def _first_use(self, wanted: Mapping[str, Any]) -> tuple[Variant, Any]:
        try:
            record = self.source.record(wanted)
        except LossError as error:
            raise no_variant(self.name, self.entry, wanted, error) from error
        return parse_entry(record.entry).default_variant, _kernels(record.module)

    @property
    def latex(self) -> str:
        """The formula of one sample's loss."""
        return self.entry.default_variant.formula

    @cached_property
    def params(self) -> Mapping[str, Param | Static]:
        """Parameters and static choices by name, each with its default, domain or choices, and meaning."""
        named: dict[str, Param | Static] = {param.name: param for param in self.entry.params}
        named.update({static.name: static for static in self.entry.statics})
        return MappingProxyType(named)

    @property
    def properties(self) -> Mapping[str, Any]:
        """Derived mathematical properties; ``chunks`` says what may be worked on apart, and why no less."""
        chunks = self.entry.default_variant.chunks
        return MappingProxyType({**self.entry.properties, **({"chunks": chunks} if chunks else {})})

    @property
    def accuracy(self) -> Mapping[str, Any] | None:
        """Measured accuracy of each output and dtype, every static choice at its default; None if it was not
        measured. See `certificate`.
        """
        found = self._certificate(self.entry.default_variant)
        return None if found is None else found["outputs"]

    def certificate(self, **static: Any) -> Mapping[str, Any] | None:
        """Return what was measured of the variant with these static choices, defaults for the rest.

        Returns
        -------
        mapping or None
            ``outputs`` maps each output (``value``, ``gradient x`` ...) and dtype to ``points``, ``max_ulp``,
            ``mean_ulp``, the shares ``over_4``, ``over_8``, ``over_16``, ``over_64`` (ulp), ``failed`` (by
            the pass rule; ``failed_of`` each kind of samples) and ``uncertified``, and ``worst_point``;
            beside it ``points``, ``seeds``, ``samplers``, ``machine``, ``judge`` and ``fingerprint``. None if
            the variant was not measured.
        """
        named = {name for variant in self.entry.variants for name in variant.static}
        if unknown := sorted(static.keys() - named):
            choices = ", ".join(sorted(named)) or "none"
            raise LossTypeError(f"{self.name} has no static choice {unknown[0]!r}: there are {choices}")
        variant = find_variant(self.entry, {**self.entry.default_variant.static, **static})
        return None if variant is None else self._certificate(variant)

    def _certificate(self, variant: Variant) -> Mapping[str, Any] | None:
        if self._folder is None:
            return None
        return read_certificate(record_path(self._folder, self.name, variant.suffix), variant.fingerprint)

    @property
    def fingerprint(self) -> str:
        """Hash of the expression and the kernel text: says what runs."""
        return self.entry.default_variant.fingerprint

    @property
    def spec(self) -> Any:
        """The declaration, for the generator; needs SymPy."""
        return self.source.spec

    def __repr__(self) -> str:
        return one_line(self.package, self.name, self.entry, self.__signature__)

    def _repr_html_(self) -> str:
        return html_card(self, self._curve())

    def _curve(self) -> Any:
        """What is plotted: nothing where no small example can be made, or its kernels cannot be compiled."""
        try:
            return curve(self, curvature=True)
        except Exception:  # a picture is never worth an error
            return None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Loss):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, str, str]:
        return self.package, self.name, self.fingerprint

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return load_loss, (self.package, self.name)
