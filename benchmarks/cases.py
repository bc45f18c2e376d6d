"""What is measured: which loss and output, at which shape and precision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lossgen.losses as L
from benchmarks.inputs import SHAPES, STANDARD, Shape, make, sort_of
from lossgen.runtime.manifest import Entry

VALUE, GRADIENT, HESSIAN = "value", "value_and_grad", "grad_and_hess"
BINARY, CLASSES = "bce_with_logits", "cross_entropy"
# Losses whose diagonal of the Hessian is asked for: those of separate elements and of rows.
_CURVED = ("elementwise", "row")
# What the marks ask for beside the table.
_DOUBLE = ((BINARY, GRADIENT), (BINARY, HESSIAN))
# What is also measured straight after torch operations, and with one core busy.
DISTURBED = ((BINARY, (2**20,)), (CLASSES, (4096, 1000)))


@dataclass(frozen=True)
class Case:
    """One output of a loss for arrays of one shape."""

    loss: str
    shape: Shape
    output: str = GRADIENT
    dtype: str = "float32"

    @property
    def name(self) -> str:
        """Everything in a line."""
        return f"{self.loss} {self.size} {self.output} {self.dtype}"

    @property
    def size(self) -> str:
        """The shape, with powers of two as such where they are long."""
        return "×".join(_short(n) for n in self.shape)

    @property
    def entry(self) -> Entry:
        """What the manifest says about the loss."""
        return L.all()[self.loss].entry

    @property
    def gradients(self) -> tuple[str, ...]:
        """Names of the predictions."""
        return tuple(tensor.name for tensor in self.entry.predictions)

    @property
    def disturbed(self) -> bool:
        """Whether it is measured among other programs as well."""
        return (self.loss, self.shape) in DISTURBED and self.output == GRADIENT and self.dtype == "float32"

    def inputs(self) -> dict[str, Any]:
        """Make the arguments of a call, by name."""
        return make(self.entry, self.shape, self.dtype)


def _short(n: int) -> str:
    power = n.bit_length() - 1
    return "2" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(d)] for d in str(power)) if n == 2**power >= 2**14 else str(n)


def outputs(entry: Entry) -> Iterator[str]:
    """Yield what the loss has."""
    yield VALUE
    yield GRADIENT
    if entry.structure in _CURVED and entry.default_variant.no_hessian is None:
        yield HESSIAN


def cases(amount: str) -> Iterator[Case]:
    """Yield the cases, loss by loss.

    Parameters
    ----------
    amount : {"quick", "standard", "all"}
        A small gradient of each loss; the shapes that tables show, with value and curvature at the last but
        one of them; or every output at every shape.
    """
    for name, loss in L.all().items():
        sort = sort_of(loss.entry)
        if amount == "quick":
            yield Case(name, SHAPES[sort][1])
            continue
        shapes = STANDARD[sort] if amount == "standard" and name != BINARY else SHAPES[sort]
        for shape in shapes:
            for output in outputs(loss.entry):
                if amount == "all" or output == GRADIENT or shape == STANDARD[sort][-2]:
                    yield Case(name, shape, output)
    if amount != "quick":
        for name, output in _DOUBLE:
            yield Case(name, (2**20,), output, "float64")
