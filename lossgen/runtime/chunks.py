"""A loss of data that come in chunks of samples, with the bits of one call on all of it.

Sums are made of blocks whose borders only the number of samples decides. So chunks are cut where a block
ends, and joined with what was left of those before; the sums of all blocks are added in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import gcd
from typing import Any, Protocol

import numpy as np

from lossgen.errors import LossTypeError, LossValueError
from lossgen.runtime.arrays import Array, as_array
from lossgen.runtime.bind import Binder, Request
from lossgen.runtime.call import Call
from lossgen.runtime.evaluate import OPERATIONS
from lossgen.runtime.manifest import Entry, Variant
from lossgen.runtime.outputs import scalar
from lossgen.runtime.tensors import axis_dims, layout_of

__all__ = ["gradients_over", "value_over"]

# What may differ from sample to sample beside the arrays of a loss.
_PER_SAMPLE = ("weight", "where")
_Chunk = dict[str, Array]


class _Loss(Protocol):
    name: str
    entry: Entry

    def prepared(self, request: Request) -> tuple[Variant, Any]: ...


class _Calls:
    """Prepares the calls on chunks.

    Parameters
    ----------
    loss : Loss
        The loss.
    operation : str
        Which of its operations.
    name : str
        How the operation on chunks is called, for messages.
    options : mapping
        Keyword arguments that all chunks share.
    """

    def __init__(self, loss: _Loss, operation: str, name: str, options: Mapping[str, Any]) -> None:
        self._loss, self._options = loss, options
        self._call = f"{loss.name}.{name}"
        self._binder = Binder(self._call, loss.entry, operation)
        self._kind: tuple[Any, ...] | None = None
        if options.get("reduction", "mean") == "none":
            raise LossValueError(
                f"{self._call} gives one number: for reduction='none' call {loss.name} itself"
            )
        for option in ("wrt", "out"):
            if options.get(option) is not None:
                raise LossTypeError(f"{self._call} takes no {option}")
        for option in _PER_SAMPLE:
            if isinstance(options.get(option), np.ndarray):
                raise LossTypeError(f"{option} is an array: make it a part of each chunk, by its name")

    def named(self, chunk: Any) -> _Chunk:
        """Return the arrays of a chunk by name."""
        names = [tensor.name for tensor in self._loss.entry.tensors]
        if not isinstance(chunk, Mapping):
            if not isinstance(chunk, (tuple, list)) or len(chunk) > len(names):
                raise LossTypeError(
                    f"a chunk is a tuple of arrays ({', '.join(names)}) or maps names to them"
                )
            chunk = dict(zip(names, chunk, strict=False))
        arrays = {name: as_array(array, name) for name, array in chunk.items() if array is not None}
        if unknown := sorted(arrays.keys() - {*names, *_PER_SAMPLE}):
            raise LossTypeError(f"a chunk has {unknown[0]!r}: pass what all chunks share by keyword")
        if len({array.shape[:1] for array in arrays.values()}) > 1 or not all(
            a.ndim for a in arrays.values()
        ):
            shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
            raise LossValueError(f"arrays of a chunk must be equally long, but have the shapes {shapes}")
        return arrays

    def prepare(self, chunk: _Chunk) -> tuple[Call, Request]:
        """Return the call on a chunk."""
        loss = self._loss
        request = self._binder.bind((), {**chunk, **self._options})
        variant, kernels = loss.prepared(request)
        dims = axis_dims(loss.entry, variant.static, request.options.get("axis"))
        for tensor in loss.entry.predictions:
            if tensor.name in chunk and layout_of(tensor, chunk[tensor.name], dims).batch_dims[:1] != (0,):
                raise LossValueError(
                    f"{loss.name} cannot be worked on in chunks of these arrays: the first dimension of "
                    f"{tensor.name} does not separate samples"
                )
        call = Call(loss.name, loss.entry, variant, request, kernels)
        if call.params.kernel and not call.params.uniform:
            raise LossValueError(f"{self._call} takes parameters that all samples share")
        kind = (chunk.keys(), call.tensors.result, call.tensors.sizes, call.variant)
        if self._kind is None:
            self._kind = kind
        elif kind != self._kind:
            raise LossValueError("chunks must have the same arrays, dtypes and sizes of a sample")
        return call, request

    def aligned(self, chunks: Iterable[Any]) -> Iterator[Call]:
        """Yield calls that end where a block ends, but for the last."""
        rest: _Chunk | None = None
        call: Call | None = None
        for chunk in chunks:
            arrays = self.named(chunk)
            if rest is not None and rest.keys() == arrays.keys():
                arrays = {name: np.concatenate([rest[name], array]) for name, array in arrays.items()}
            rows = len(next(iter(arrays.values()), ()))
            if rows == 0:
                continue
            call, _ = self.prepare(arrays)
            whole = rows - rows % (call.block // gcd(call.block, call.samples // rows))
            if 0 < whole < rows:
                call, _ = self.prepare({name: array[:whole] for name, array in arrays.items()})
            if whole:
                yield call
            rest = {name: array[whole:].copy() for name, array in arrays.items()} if whole < rows else None
        if rest is not None:
            yield self.prepare(rest)[0]
        elif call is None:
            raise LossValueError(f"{self._call} got no samples")


def _added(totals: list[float] | None, call: Call) -> list[float]:
    """Add the divisors of a chunk to those before it; those of a sum are 1 once."""
    if totals is None or call.reduction == "sum":
        return list(call.denominators)
    return [total + more for total, more in zip(totals, call.denominators, strict=True)]


def value_over(loss: _Loss, chunks: Iterable[Any], options: Mapping[str, Any]) -> Any:
    """Return the value; see `Loss.value_over`."""
    totals: list[float] | None = None
    sums: list[Array] = []
    for call in _Calls(loss, "value", "value_over", options).aligned(chunks):
        partials = call.new_partials()
        call.run("value", (), scales=call.scales(), partials=partials)
        sums.append(partials)
        totals = _added(totals, call)
    number = call.kernels.reduced(call.variant.suffix, np.concatenate(sums), call.coefficients, totals)
    return scalar(number, call.tensors.result)


def gradients_over(loss: _Loss, chunks: Iterable[Any], options: Mapping[str, Any]) -> Iterator[Any]:
    """Return an iterator of gradients; see `Loss.gradients_over`."""
    if iter(chunks) is chunks:
        raise LossTypeError("chunks can be gone through only once: pass a list, or an object with __iter__")
    calls = _Calls(loss, "grad", "gradients_over", options)
    totals: list[float] | None = None
    for chunk in chunks:
        totals = _added(totals, calls.prepare(calls.named(chunk))[0])

    def gradients() -> Iterator[Any]:
        for chunk in chunks:
            call, request = calls.prepare(calls.named(chunk))
            call.denominators = totals or []
            yield OPERATIONS["grad"](call, request)

    return gradients()
