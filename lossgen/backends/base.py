"""What a backend is: a folder here that turns mathematics or loops into text, which its templates place.

A backend's package holds ``BACKEND``. Adding one is adding a folder; nothing else lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lossgen.derive.model import Routine
from lossgen.lower.ir import Function
from lossgen.spec.model import Loss
from lossgen.spec.program import Program


@dataclass(frozen=True)
class Kernel:
    """One kernel of a variant: its mathematics and its loops."""

    kind: str
    routine: Routine
    function: Function


@dataclass(frozen=True)
class VariantKernels:
    """One static variant: its mathematics as declared, and its kernels.

    Attributes
    ----------
    title : str
        The static choices in words.
    formula : tuple of str
        Value and derivatives as plain text, one per line.
    kernels : tuple of Kernel
        In the order of kinds.
    terms : int
        How many sums the value is made of.
    prepass : Kernel or None
        What depends on targets and parameters alone.
    mean_scale : bool
        Whether the prepass gives a factor of each sample's share of the mean.
    static : tuple
        The static choices by name.
    suffix : str
        What its files add to the name of the loss.
    program : Program or None
        The exact formula; None if kernels were written by hand.
    no_hessian : str or None
        Why there is no Hessian diagonal, if there is none.
    """

    title: str
    formula: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    terms: int = 1
    prepass: Kernel | None = None
    mean_scale: bool = False
    static: tuple[tuple[str, Any], ...] = ()
    suffix: str = ""
    program: Program | None = None
    no_hessian: str | None = None


@dataclass(frozen=True)
class Unit:
    """Everything a backend needs to write one file: a variant of a loss, or all of them.

    Attributes
    ----------
    loss : Loss
        The declaration.
    origin : str
        Where it was declared, in words.
    variants : tuple of VariantKernels
        One, or all for a backend that writes a loss as a whole.
    """

    loss: Loss
    origin: str
    variants: tuple[VariantKernels, ...]

    @property
    def variant(self) -> VariantKernels:
        """The variant of a file that holds one."""
        (variant,) = self.variants
        return variant

    @property
    def stem(self) -> str:
        """Name of the file, without extension."""
        suffix = self.variants[0].suffix if len(self.variants) == 1 else ""
        return f"{self.loss.name}__{suffix}" if suffix else self.loss.name


@dataclass(frozen=True)
class Shared:
    """A file of a backend that belongs to all losses: a marker of a package, a document that joins them.

    Attributes
    ----------
    name : str
        Of the file, in the backend's folder.
    template : str
        Its template, relative to ``templates/``.
    context : callable
        Returns the template's variables for the declarations of all losses that the backend could write.
    """

    name: str
    template: str
    context: Callable[[Sequence[Loss]], dict[str, Any]] = lambda losses: {}


@dataclass(frozen=True)
class Backend:
    """A target language.

    Attributes
    ----------
    name : str
        Name of its folder here, in ``templates/`` and in the output.
    template : str
        Template of one file, relative to ``templates/``.
    extension : str
        Of the written file.
    context : callable
        Returns the template's variables for a unit: ready strings and lists of strings.
    spellings : mapping
        Every function it can write, by its name in the IR; empty if it writes mathematics, no loops.
    whole : bool
        Whether one file holds all variants of a loss.
    shared : tuple of Shared
        Files beside those of the losses.
    refuses : callable
        Says in a few words why it cannot write a unit, None if it can. What is refused is left out.
    """

    name: str
    template: str
    extension: str
    context: Callable[[Unit], dict[str, Any]]
    spellings: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = False
    shared: tuple[Shared, ...] = ()
    refuses: Callable[[Unit], str | None] = lambda unit: None

    def units(self, loss: Loss, origin: str, variants: Sequence[VariantKernels]) -> list[Unit]:
        """Return what each of its files for a loss is made from."""
        if self.whole:
            return [Unit(loss, origin, tuple(variants))]
        return [Unit(loss, origin, (variant,)) for variant in variants]
