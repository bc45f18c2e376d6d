"""What a gradient is taken by: names of predictions, targets and parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossgen.errors import LossTypeError, LossValueError
from lossgen.runtime.arrays import Array
from lossgen.runtime.bind import did_you_mean
from lossgen.runtime.manifest import Entry, Variant

__all__ = ["resolve_wrt", "sum_to_shape"]


def resolve_wrt(wrt: Any, loss: str, entry: Entry, variant: Variant) -> tuple[tuple[str, ...], bool]:
    """Return the names to differentiate by, and whether the result is one array instead of a tuple."""
    predictions = tuple(tensor.name for tensor in entry.predictions)
    if wrt is None:
        return predictions, len(predictions) == 1
    single = isinstance(wrt, str)
    if not single and not isinstance(wrt, (tuple, list)):
        raise LossTypeError(f"wrt={wrt!r} is not allowed: pass one name or a tuple of names")
    names = (wrt,) if single else tuple(wrt)
    if not names:
        raise LossValueError("wrt is empty: name at least one argument, or leave wrt out for the predictions")
    allowed = [*predictions, *(name for name in variant.wrt_all if name not in predictions)]
    for name in names:
        if name not in allowed:
            raise LossValueError(f"wrt={name!r}: {loss} {_reason(name, entry)}{did_you_mean(name, allowed)}")
    if len(set(names)) < len(names):
        raise LossValueError(f"wrt={names!r} names something twice")
    return names, single


def _reason(name: object, entry: Entry) -> str:
    integers = {tensor.name for tensor in entry.tensors if not tensor.is_float}
    integers.update(param.name for param in entry.params if not param.is_float)
    if name in integers:
        return "has no derivative by integers"
    return "has no derivative by that name under the chosen options"


def sum_to_shape(per_sample: Array, shape: tuple[int, ...], batch_shape: tuple[int, ...] | None) -> Array:
    """Sum a parameter's gradient over everything that the parameter was broadcast along.

    Parameters
    ----------
    per_sample : ndarray
        Gradient of each sample: (samples,), or (samples, *axis sizes).
    shape : tuple of int
        The parameter's own shape.
    batch_shape : tuple of int or None
        Shape of the batch for a parameter without axes; None for one that all samples share.
    """
    if batch_shape is None:
        full = np.add.reduce(per_sample, axis=0, dtype=np.float64)
    else:
        full = per_sample.reshape(batch_shape)
    lead = full.ndim - len(shape)
    kept = (*(1,) * lead, *shape)
    over = tuple(dim for dim, extent in enumerate(full.shape) if dim < lead or kept[dim] != extent)
    return np.asarray(np.add.reduce(full, axis=over, dtype=np.float64)).reshape(shape) if over else full
