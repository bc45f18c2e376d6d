"""Leave masked samples out of a loss that has several values per sample, or compares samples.

Kernels of such losses know no mask. The samples are taken out of the arrays, so that nothing reads them, and
results get zeros in their places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lossgen.errors import LossValueError
from lossgen.runtime.arrays import Array, as_array
from lossgen.runtime.bind import Request
from lossgen.runtime.layout import flat_layout, make_layout
from lossgen.runtime.manifest import Entry, Tensor, Variant
from lossgen.runtime.outputs import check_outs, deliver, packed
from lossgen.runtime.tensors import axis_dims
from lossgen.runtime.weights import read_mask
from lossgen.runtime.wrt import resolve_wrt

__all__ = ["Absent"]


class Absent:
    """The samples of a call that are left out.

    Parameters
    ----------
    loss : str
        Name of the loss, for messages.
    entry, variant
        What the manifest says.
    request : Request
        The user's arguments, with a mask.
    """

    def __init__(self, loss: str, entry: Entry, variant: Variant, request: Request) -> None:
        self.loss, self.entry, self.variant, self.request = loss, entry, variant, request
        self._dims = axis_dims(entry, variant.static, request.options.get("axis"))
        first = entry.predictions[0]
        layout = make_layout(np.shape(self._array(first.name)), self._spans(first), first.axes, first.name)
        own = [axis for axis in variant.item_axes if self._dims[axis] == "0"]
        if not set(variant.item_axes) <= set(first.axes) or not (own or layout.batch_dims == (0,)):
            raise LossValueError(
                f"{loss} takes no where here: its values are not those of samples along dimension 0; leave "
                f"masked samples out of the arrays, {first.name}[where]"
            )
        # The axes that count samples: none where they are the batch.
        pairs = {axis.name: axis.equals for axis in entry.axes.values()}
        self._axes = {name for name, equal in pairs.items() if own and {name, equal} & set(own)}
        spanned = [layout.axis_dims[first.axes.index(axis)] for axis in variant.item_axes]
        kept = sorted({*layout.batch_dims, *(dim for span in spanned for dim in span)})
        self.shape = tuple(layout.shape[dim] for dim in kept)
        mask = read_mask(request.options["where"], flat_layout(self.shape)).reshape(self.shape)
        others = tuple(range(1, mask.ndim))
        self.keep = mask.all(axis=others)
        if not np.array_equal(self.keep, mask.any(axis=others)):
            raise LossValueError(
                f"where leaves out a part of a sample, but {loss} can leave out whole samples only: pass "
                f"where of shape {(self.shape[0], *(1,) * len(others))}"
            )

    def evaluate(self, operation: str, run: Callable[[Request], Any]) -> Any:
        """Return the result of an operation, whose own function is `run`, with zeros for what is left out."""
        options = self.request.options
        result = run(self._kept())
        unreduced = options.get("reduction", "none") == "none"
        predictions = [tensor.name for tensor in self.entry.predictions]
        out = options["out"]
        if operation == "value":
            return self._delivered([self._spread((0,), result) if unreduced else result], out, True)
        if operation == "grad_and_hess":
            arrays = [self._gradients(predictions, part) for part in result]
            if out is not None:
                for found, given in zip(arrays, out, strict=True):
                    self._delivered(found, given, len(found) == 1)
                return tuple(out)
            return packed(arrays[0]), packed(arrays[1])
        names, single = predictions, len(predictions) == 1
        if operation != "hvp":
            names_given, single = resolve_wrt(options["wrt"], self.loss, self.entry, self.variant)
            names = list(names_given)
        if operation != "value_and_grad":
            return self._delivered(self._gradients(names, result), out, single)
        value, gradients = result
        done = self._delivered(self._gradients(names, gradients), out, single)
        return (self._spread((0,), value) if unreduced else value), done

    def _kept(self) -> Request:
        old = self.request
        new = Request({**old.options, "where": None, "out": None})
        new.static = old.static
        given = {name: value for name, value in {**old.tensors, **old.params}.items() if value is not None}
        cut = {name: self._cut(self._array(name), self._places(name), name) for name in given}
        new.tensors = {name: cut.get(name) for name in old.tensors}
        new.params = {name: cut[name] if self._places(name) else value for name, value in old.params.items()}
        items = ["weight"] + (["upstream"] if old.options.get("reduction") == "none" else [])
        for name in items:
            value = old.options.get(name)
            if value is not None and np.size(array := as_array(value, name)) != 1:
                full = flat_layout(self.shape)
                new.options[name] = self._cut(np.broadcast_to(array, full.shape), (0,), name)
        if "v" in old.options:
            names = [tensor.name for tensor in self.entry.predictions]
            single = len(names) == 1
            tangents = [old.options["v"]] if single else old.options["v"]
            cuts = [
                self._cut(as_array(v, "v"), self._places(name), "v")
                for v, name in zip(tangents, names, strict=True)
            ]
            new.options["v"] = cuts[0] if single else tuple(cuts)
        return new

    def _array(self, name: str) -> Array:
        return as_array({**self.request.tensors, **self.request.params}[name], name)

    def _spans(self, tensor: Tensor) -> tuple[str, ...]:
        return tuple(self._dims[axis] for axis in tensor.axes)

    def _places(self, name: str) -> tuple[int, ...]:
        """Return the dimensions of an argument that count samples."""
        tensor = next((one for one in self.entry.tensors if one.name == name), None)
        if tensor is not None:
            if not self._axes:
                return (0,)
            array = self._array(name)
            layout = make_layout(array.shape, self._spans(tensor), tensor.axes, name)
            spans = zip(tensor.axes, layout.axis_dims, strict=True)
            return tuple(dim for axis, span in spans if axis in self._axes for dim in span)
        param = next(one for one in self.entry.params if one.name == name)
        if self._axes:
            return tuple(dim for dim, axis in enumerate(param.axes) if axis in self._axes)
        value = self.request.params.get(name, param.default)
        return (0,) if not param.axes and value is not None and np.size(value) > 1 else ()

    def _cut(self, array: Array, places: Sequence[int], name: str) -> Array:
        for dim in places:
            if dim >= array.ndim or array.shape[dim] != self.keep.size:
                first = self.entry.predictions[0].name
                raise LossValueError(
                    f"{name} has shape {array.shape}, but dimension {dim} must have as many entries as "
                    f"{first} has samples, {self.keep.size}"
                )
            array = np.compress(self.keep, array, axis=dim)
        return array

    def _spread(self, places: Sequence[int], array: Array) -> Array:
        if not places:
            return array
        shape = tuple(self.keep.size if dim in places else size for dim, size in enumerate(array.shape))
        full = np.zeros(shape, array.dtype)
        every = [self.keep if dim in places else np.ones(size, np.bool_) for dim, size in enumerate(shape)]
        full[np.ix_(*every)] = array
        return full

    def _gradients(self, names: Sequence[str], result: Any) -> list[Array]:
        arrays = result if isinstance(result, tuple) else (result,)
        return [self._spread(self._places(name), array) for name, array in zip(names, arrays, strict=True)]

    def _delivered(self, arrays: Sequence[Any], out: Any, single: bool) -> Any:
        outs = check_outs(out, [np.shape(array) for array in arrays], arrays[0].dtype, single)
        if out is not None:
            for array, given in zip(arrays, outs, strict=True):
                if given is not None:
                    deliver(array, given)
            return out
        return arrays[0] if single else tuple(arrays)
