"""Judge a loss by its exact expression, in a test of one's own. Needs the build extra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lossgen.errors import LossValueError
from lossgen.oracle.rows import VerifyRow
from lossgen.oracle.verify import verify_variant
from lossgen.runtime.loss import Loss
from lossgen.spec.model import Loss as Declaration
from lossgen.spec.registry import load

__all__ = ["check"]

# Failures that a message shows of each output.
_SHOWN = 3


def check(
    loss: Loss,
    specs: str | Path | Declaration | None = None,
    *,
    points: int = 64,
    seed: int = 0,
    dtypes: Sequence[Any] = (np.float32, np.float64),
) -> list[VerifyRow]:
    """Assert that values and derivatives of a loss are those of its declaration.

    Every output is compared with the exact expression, evaluated in certified high precision, at ordinary
    points, over the full range of exponents, near roots and at edges. A point passes within a few units in
    the last place, or as the exact result for inputs moved by at most two.

    Parameters
    ----------
    loss : Loss
        A loss of `lossgen.losses`, of a package of your own, or of `lossgen.compile`.
    specs : path or declaration, optional
        Where it is declared: a file or folder. Needed for a package of your own, whose declarations are not
        shipped with it.
    points : int
        Samples of each kind and dtype.
    seed : int
        Which samples.
    dtypes : sequence of dtype
        Float types of the arrays.

    Returns
    -------
    list of VerifyRow
        What was measured of each output.

    Raises
    ------
    AssertionError
        If a point fails, or the loss was built from another declaration; the message shows the points.
    LossError
        If there is no such declaration.
    """
    declared = _declaration(loss, specs)
    built = {variant.suffix for variant in loss.entry.variants}
    expected = {variant.suffix for variant in declared.variants}
    assert built == expected, (
        f"{loss.name} was built from another declaration: its variants are {sorted(built)}, "
        f"declared are {sorted(expected)}; build it again"
    )
    rows = [
        row
        for variant in declared.variants
        for row in verify_variant(declared, variant, _Only(loss, declared.name), dtypes, points, seed)
    ]
    failed = [row for row in rows if row.failed]
    assert not failed, _message(loss, failed)
    return rows


class _Only:
    """A package of one loss, under the name of its declaration."""

    def __init__(self, loss: Loss, name: str) -> None:
        self.losses: Mapping[str, Loss] = {name: loss}

    def all(self) -> Mapping[str, Loss]:
        return self.losses


def _declaration(loss: Loss, specs: str | Path | Declaration | None) -> Declaration:
    if isinstance(specs, Declaration):
        return specs
    if specs is None:
        declared: Declaration = loss.spec
        return declared
    found = {one.name: one for one in load(Path(specs))}
    if loss.name not in found:
        raise LossValueError(f"specs={str(specs)!r} declare {', '.join(sorted(found))}, but no {loss.name}")
    return found[loss.name]


def _message(loss: Loss, failed: Sequence[VerifyRow]) -> str:
    lines = [f"{loss.name} is not what it declares; {len(failed)} outputs fail"]
    for row in failed:
        output = " ".join(filter(None, (row.variant, row.output, row.dtype)))
        lines.append(f"{output}: {row.failed} of {row.points} points")
        lines += [f"    {point}" for point in row.failures[:_SHOWN]]
    return "\n".join(lines)
