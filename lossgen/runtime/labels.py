"""Label sequences given one after the other in one array, split into padded rows."""

from __future__ import annotations

import math

import numpy as np

from lossgen.errors import LossIndexError, LossValueError
from lossgen.runtime.arrays import Array

__all__ = ["pad_concatenated"]


def pad_concatenated(
    labels: Array, lengths: Array, batch_shape: tuple[int, ...], names: tuple[str, str]
) -> Array:
    """Return concatenated labels as one row per sample, padded with zeros that no kernel reads.

    Parameters
    ----------
    labels : ndarray
        All labels, sample after sample.
    lengths : ndarray
        Number of labels of each sample.
    batch_shape : tuple of int
        Shape of the batch.
    names : tuple of str
        Argument names of labels and lengths, for messages.
    """
    labels_name, lengths_name = names
    counts = np.broadcast_to(lengths, batch_shape).ravel() if lengths.ndim == 0 else lengths.ravel()
    if counts.size != math.prod(batch_shape):
        raise LossValueError(
            f"{lengths_name} has {counts.size} entries for {math.prod(batch_shape)} samples: give one each"
        )
    if counts.size and counts.min() < 0:
        place = int(np.argmin(counts))
        raise LossIndexError(f"{lengths_name}[{place}] = {counts[place]} is negative: lengths start at 0")
    if int(counts.sum()) != labels.size:
        raise LossValueError(
            f"{labels_name} holds {labels.size} labels one after the other, but {lengths_name} adds up to "
            f"{int(counts.sum())}: both must agree, or pass {labels_name} with one padded row per sample"
        )
    width = int(counts.max()) if counts.size else 0
    rows = np.zeros((counts.size, width), dtype=np.int64)
    rows[np.arange(width) < counts[:, None]] = labels
    return rows.reshape(*batch_shape, width)
