"""What a backend is: a folder here that turns lowered kernels into text, and a template that places it.

A backend's package holds ``BACKEND``. Adding one is adding a folder; nothing else lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lossgen.derive.model import Routine
from lossgen.lower.ir import Function


@dataclass(frozen=True)
class Kernel:
    """One kernel of a variant: its mathematics and its loops."""

    kind: str
    routine: Routine
    function: Function


@dataclass(frozen=True)
class VariantKernels:
    """The kernels of one static variant.

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
    """

    title: str
    formula: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    terms: int = 1
    prepass: Kernel | None = None
    mean_scale: bool = False


@dataclass(frozen=True)
class Unit:
    """Everything a backend needs to write one variant of a loss."""

    name: str
    summary: str
    origin: str
    variant: VariantKernels


@dataclass(frozen=True)
class Backend:
    """A target language.

    Attributes
    ----------
    name : str
        Name of its folder here, in ``templates/`` and in the output.
    template : str
        Template of one variant of a loss, relative to ``templates/``.
    extension : str
        Of the written file.
    context : callable
        Returns the template's variables for a variant: ready strings and lists of strings.
    spellings : mapping
        Every function it can write, by its name in the IR.
    """

    name: str
    template: str
    extension: str
    context: Callable[[Unit], dict[str, Any]]
    spellings: Mapping[str, Any]
