"""One call of a loss, prepared: everything that kernels get but their outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lossgen.errors import LossTypeError, LossValueError
from lossgen.runtime.arrays import Array, as_array, require_numbers
from lossgen.runtime.bind import Request
from lossgen.runtime.manifest import Entry, Variant
from lossgen.runtime.outputs import divide
from lossgen.runtime.params import prepare_params
from lossgen.runtime.prepass import check_indices, run_prepass
from lossgen.runtime.reduction import check_reduction, counted_denominators
from lossgen.runtime.tensors import axis_dims, prepare_tensors
from lossgen.runtime.weights import ALL_KEPT, one, read_mask, read_per_item, values_layout

__all__ = ["Call", "scales_of"]

# Samples per block are chosen by shapes alone, so that sums have the same bits for any number of threads.
BLOCK_ELEMENTS = 4096
# Short rows run this many beside each other (`vectormath.LANES`, which would import the compiler): blocks of
# them fill all lanes.
_LANES = 64


class Call:
    """The checked arguments of one call in the form of kernels.

    Parameters
    ----------
    loss : str
        Name of the loss, for messages.
    entry, variant
        What the manifest says.
    request : Request
        The user's arguments.
    kernels : Kernels
        The compiled functions.
    """

    def __init__(self, loss: str, entry: Entry, variant: Variant, request: Request, kernels: Any) -> None:
        options = request.options
        self.loss = loss
        self.entry = entry
        self.variant = variant
        self.kernels = kernels
        self.reduction = check_reduction(options.get("reduction", "none"))
        if options.get("reduction") == "none" and "values" not in variant.kinds:
            raise LossValueError(
                f"{loss} has no reduction='none': its terms differ in shape; use 'mean' or 'sum'"
            )
        dims = axis_dims(entry, variant.static, options.get("axis"))
        self.tensors = prepare_tensors(entry, request.tensors, dims, request.params)
        self._refuse_empty()
        self.params = prepare_params(entry, variant, request.params, self.tensors)
        self.values_layout = values_layout(entry, variant, self.tensors)
        self.coefficients = variant.coefficients
        self.samples = self.tensors.samples
        per_sample = self.tensors.per_sample
        # All pairs of a small array are much work.
        steps = math.prod(self.tensors.sizes[axis] for axis in variant.work)
        self.elements = self.samples * max(per_sample, steps)
        self.block = max(1, BLOCK_ELEMENTS // per_sample)
        self.block -= self.block % _LANES if self.block > _LANES else 0
        self.blocks = -(-self.samples // self.block)
        self.upstream = 1.0
        self.upstream_items: Array | None = None
        self._read_upstream(options.get("upstream"))
        self._read_weights(options["weight"], options["where"])
        # For each term, whether the sum of its weights divides, or the number of its items.
        self.by_weight = [
            self.reduction == "weighted_mean" or (self.reduction == "mean" and divides)
            for divides in variant.weight_divides
        ]
        self.denominators = self._prepare_reduction()

    def _read_upstream(self, upstream: Any) -> None:
        if upstream is None:
            return
        if self.reduction == "none":
            self.upstream_items = read_per_item(
                upstream, "upstream", self.values_layout, self.tensors.compute
            )
            return
        array = as_array(upstream, "upstream")
        require_numbers(array, "upstream")
        if array.size != 1:
            raise LossValueError(
                f"upstream has shape {array.shape}, but reduction={self.reduction!r} gives one number: "
                "pass one number, or reduction='none' for an array"
            )
        self.upstream = float(array.reshape(1)[0])

    def _read_weights(self, weight: Any, where: Any) -> None:
        variant, layout, compute = self.variant, self.values_layout, self.tensors.compute
        per_sample = not variant.item_axes
        if where is not None and not per_sample:
            raise LossValueError(
                f"{self.loss} takes no where: masks leave out whole samples, and it has a value for each "
                f"position of axis {', '.join(variant.item_axes)}; leave those out of the arrays"
            )
        self.mask = ALL_KEPT if where is None else read_mask(where, layout)
        self.weight = one(compute) if weight is None else read_per_item(weight, "weight", layout, compute)
        upstream = self.upstream_items
        if variant.item_axes:
            self.weight = _filled(self.weight, layout.kernel_shape)
            if not self.params.uniform:
                self.params.spread(self.samples)
            return
        general = (
            not self.params.uniform
            or where is not None
            or self.weight.size != 1
            or (upstream is not None and upstream.size != 1)
            or (variant.mean_scale and self.reduction == "mean")
        )
        if general:
            self.params.spread(self.samples)
            if per_sample:
                self.weight = _filled(self.weight, (self.samples,))
                self.mask = _filled(self.mask, (self.samples,))

    def _prepare_reduction(self) -> list[float]:
        """Check indices, finish the weights and return what each term is divided by."""
        variant, tensors, terms = self.variant, self.tensors, self.variant.terms
        by_weight = self.by_weight
        denominators: list[float] | None = None
        if variant.prepass_args is None:
            check_indices(self.entry, tensors, self.mask)
        else:
            scaled = variant.mean_scale
            mean_scale = np.empty(self.samples if scaled else 0, tensors.compute)
            kernel = self.kernels.serial("prepass", variant.suffix)
            arguments = self._named(variant.prepass_args)
            totals = {}
            for weighted in set(by_weight):
                divisor = self.weight if weighted else np.ones_like(self.weight)
                given = self._readable([*arguments, divisor, self.mask])
                totals[weighted] = run_prepass(kernel, self.entry, tensors, given, mean_scale)
            denominators = [totals[weighted][term] for term, weighted in enumerate(by_weight)]
            if scaled and self.reduction == "mean":
                self.weight = self.weight * mean_scale.reshape(-1, *(1,) * (self.weight.ndim - 1))
        if self.reduction in ("none", "sum"):
            return [1.0] * terms
        if self.reduction == "batchmean":
            shape = tensors.layouts[tensors.first].shape
            return [float(shape[0]) if shape else 1.0] * terms
        if denominators is not None:
            return denominators
        return counted_denominators(variant, tensors, by_weight, self.weight, self.mask)

    def _named(self, names: Sequence[str]) -> list[Array]:
        params = dict(zip(self.variant.params, self.params.kernel, strict=True))
        return [params[name] if name in params else self.tensors.kernel[name] for name in names]

    def _refuse_empty(self) -> None:
        for axis in self.variant.nonempty:
            if self.tensors.samples and self.tensors.sizes[axis] == 0:
                first = next(tensor.name for tensor in self.entry.tensors if axis in tensor.axes)
                raise LossValueError(
                    f"{first} has shape {self.tensors.layouts[first].shape}: its axis {axis} is empty, but "
                    f"{self.loss} needs an entry along it (a maximum over nothing does not exist)"
                )
        for axis, least in self.variant.least.items():
            size = self.tensors.sizes[axis]
            if self.tensors.samples and size < least:
                first = next(tensor.name for tensor in self.entry.tensors if axis in tensor.axes)
                raise LossValueError(
                    f"{first} has shape {self.tensors.layouts[first].shape}: {size} along its axis {axis}, "
                    f"but {self.loss} needs at least {least} entries along it"
                )

    @property
    def inputs(self) -> list[Array]:
        """Arrays that kernels read, to which no output may be written directly."""
        return [*self.tensors.kernel.values(), *self.params.kernel, self.weight, self.mask]

    def scales(self) -> Array:
        """Return the cotangent factor of each term."""
        return scales_of(self.coefficients, self.upstream, self.denominators)

    def run(
        self,
        kind: str,
        outputs: Sequence[Array],
        *,
        scales: Array,
        weight: Array | None = None,
        tangents: Sequence[Array] = (),
        partials: Array | None = None,
    ) -> None:
        """Run one kind of kernel on this call."""
        if kind not in self.variant.kinds:
            raise LossTypeError(f"{self.loss} has no {kind} kernel for these options")
        if weight is None:
            weight = self.weight
        arguments: list[Any] = [
            *self.tensors.kernel.values(),
            *self.params.kernel,
            *tangents,
            weight,
            self.mask,
            scales,
            *outputs,
        ]
        if partials is not None:
            arguments.append(partials)
        arguments.append(self.block)
        self.kernels.run(
            self.kernel_kind(kind),
            self.variant.suffix,
            self._readable(arguments),
            self.elements,
            self.blocks,
            kind in self.variant.within,
            self.cuts(weight, len(tangents), len(outputs), partials is not None),
        )

    def kernel_kind(self, kind: str) -> str:
        """Return the kernel of one kind for samples of this call's size."""
        beside: str = self.kernels.beside(kind, self.variant.suffix, self.samples, self.tensors.per_sample)
        return beside

    def cuts(self, weight: Array, tangents: int, outputs: int, summing: bool) -> list[str | None]:
        """Return how the arguments of a kernel are divided among threads that take blocks of samples."""
        own = [
            *(True for _ in self.tensors.kernel),
            *self.params.vary(self.samples),
            *(True for _ in range(tangents)),
            weight.shape[0] == self.samples,
            self.mask.shape[0] == self.samples,
            False,  # scales
            *(True for _ in range(outputs)),
        ]
        return [*("samples" if cut else None for cut in own), *(["blocks"] if summing else []), None]

    def output_dtype(self, kind: str) -> np.dtype[Any]:
        """Return the dtype in which one kind of kernel writes gradients and unreduced values.

        Kernels that add to what they have written before would round at each step in 16 bits.
        """
        tensors = self.tensors
        direct = tensors.half and kind not in self.variant.accumulates
        return tensors.result if direct else tensors.compute

    def _readable(self, arguments: list[Any]) -> list[Any]:
        return self.kernels.readable(arguments) if self.tensors.half else arguments

    def new_partials(self) -> Array:
        """Return an array for the sums of each block."""
        return np.empty((self.blocks, self.variant.terms))

    def reduced(self, partials: Array) -> float:
        """Combine block sums, always in the same order, into the reduced value."""
        return self.kernels.reduced(self.variant.suffix, partials, self.coefficients, self.denominators)

    def item_weight(self) -> Array:
        """Return the weight of gradients: each sample's weight times its upstream gradient."""
        if self.upstream_items is None:
            return self.weight
        upstream = self.upstream_items
        if upstream.size == 1:
            upstream = upstream.reshape((1,) * self.weight.ndim)
        return self.weight * upstream


def scales_of(coefficients: Sequence[float], upstream: float, denominators: Sequence[float]) -> Array:
    """Return the cotangent factor of each term, of its coefficient and its divisor."""
    return np.array([divide(c * upstream, d) for c, d in zip(coefficients, denominators, strict=True)])


def _filled(array: Array, shape: tuple[int, ...]) -> Array:
    return array if array.shape == shape else np.full(shape, array.flat[0], array.dtype)
