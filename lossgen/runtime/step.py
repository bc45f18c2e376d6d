"""One launch of a kernel on plain arrays, with everything prepared but the arrays themselves.

No step holds an array of the user: it may live as long as the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from lossgen.runtime.arrays import Array
from lossgen.runtime.call import Call, scales_of
from lossgen.runtime.layout import Layout
from lossgen.runtime.memory import fresh
from lossgen.runtime.outputs import packed, scalar

__all__ = ["Plan", "make_step"]

# From the arrays of the user and ``out=``, an array or a tuple of several, to what the call returns, or
# NotImplemented where the call must go the general way, which knows every error.
Plan = Callable[[Sequence[Array], Any], Any]
# From the arrays to the divisor and the scale of each term; None if an index is out of range.
Factors = Callable[[Sequence[Array]], tuple[Sequence[float], Array] | None]

# Kinds of kernels that write the sums of each block.
_SUMMING = ("value", "gradient")
_empty = np.empty
_ndarray = np.ndarray
_reshape = np.ndarray.reshape
_may_share = np.may_share_memory


def make_step(
    call: Call,
    args: Sequence[Array],
    kind: str,
    groups: Sequence[Sequence[Layout]],
    weight: Array,
    valued: bool = False,
) -> Plan:
    """Return the function that runs one kind of kernel and gives its results.

    Parameters
    ----------
    call, args
        A call of the kind, and its arrays.
    kind : str
        Kind of kernel.
    groups : sequence of sequence of Layout
        The arrays that it writes. Each group is one result: an array, or a tuple of several.
    weight : ndarray
        Weight that it gets.
    valued : bool
        Whether the reduced value is a result, the first one.
    """
    variant, block, dtype = call.variant, call.block, call.tensors.result
    read = list(call.tensors.kernel.values())
    shapes = [array.shape for array in read[: len(args)]]
    as_given = shapes == [array.shape for array in args]
    prepared = (*read[len(args) :], *call.params.kernel, weight, call.mask)
    layouts = [layout for group in groups for layout in group]
    written = [layout.shape for layout in layouts]
    inner = [layout.kernel_shape for layout in layouts]
    flat = written == inner
    sizes = [len(group) for group in groups]
    factors, reduced, ones = _factors(call, shapes), _reduced(call), np.ones(variant.terms)
    summing, sums = kind in _SUMMING, (call.blocks, variant.terms)
    kernel = call.kernels.direct(
        call.kernel_kind(kind),
        variant.suffix,
        call.elements,
        call.blocks,
        kind in variant.within,
        call.cuts(weight, 0, len(written), summing),
    )
    spare: list[Array] = []

    def step(arrays: Sequence[Array], out: Any) -> Any:
        known = factors(arrays)
        if known is None:
            return NotImplemented
        if out is None:
            made = [fresh(shape, dtype) for shape in written]
        else:
            made = [out] if type(out) is _ndarray else list(out)
            if _share(made, arrays):
                return NotImplemented
        inputs: Iterable[Array] = arrays if as_given else map(_reshape, arrays, shapes)
        outputs: Iterable[Array] = made if flat else map(_reshape, made, inner)
        if not summing:
            kernel(*inputs, *prepared, ones, *outputs, block)
            return _results([], made, sizes)
        try:
            partials = spare.pop()  # so that no other thread writes to it
        except IndexError:
            partials = _empty(sums)
        kernel(*inputs, *prepared, known[1], *outputs, partials, block)
        value = reduced(partials, known[0])
        spare.append(partials)
        return _results([value] if valued else [], made, sizes)

    small = summing and sums == (1, 1) and as_given and flat and len(written) < 2
    if small and variant.prepass_args is None and call.denominators[0]:
        return _small_step(call, args, kernel, (*prepared, call.scales()), written, valued)
    return step


def _small_step(
    call: Call,
    args: Sequence[Array],
    kernel: Callable[..., None],
    prepared: tuple[Array, ...],
    written: Sequence[tuple[int, ...]],
    valued: bool,
) -> Plan:
    """Return the step of one block of one term, with at most one array to write: that of most small calls."""
    block, dtype, sums = call.block, call.tensors.result, (1, 1)
    coefficient, divisor = call.coefficients[0], call.denominators[0]
    largest = float(np.finfo(dtype).max)
    shape = written[0] if written else None
    example = [] if shape is None else [_empty(shape, dtype)]
    kernel = call.kernels.entry(kernel, (*args, *prepared, *example, _empty(sums), block))
    spare: list[tuple[Array, Array]] = []

    def step(arrays: Sequence[Array], out: Array | None) -> Any:
        if out is not None:
            owner = out.flags.owndata
            for array in arrays:
                # Arrays that own their memory share none; the question itself takes longer than to see that.
                if array is out or (not (owner and array.flags.owndata) and _may_share(out, array)):
                    return NotImplemented
        try:
            work = spare.pop()
        except IndexError:
            work = _empty(sums), _empty(1, dtype)
        partials, rounded = work
        if shape is None:
            kernel(*arrays, *prepared, partials, block)
        else:
            if out is None:
                out = _empty(shape, dtype)
            kernel(*arrays, *prepared, out, partials, block)
            if not valued:
                spare.append(work)
                return out
        # Zero is added as a sum of one term does, for the sign of a zero.
        total = 0.0 + coefficient * partials.item() / divisor
        if -largest <= total <= largest:
            rounded[0] = total  # faster than a call of the type
            value = rounded[0]
        else:
            value = scalar(total, dtype)
        spare.append(work)
        return value if shape is None else (value, out)

    return step


def _share(written: Sequence[Array], read: Sequence[Array]) -> bool:
    """Whether an array to write may share memory with another one, or with one that is read."""
    return any(_may_share(out, other) for k, out in enumerate(written) for other in (*written[:k], *read))


def _results(results: list[Any], made: Sequence[Array], sizes: Sequence[int]) -> Any:
    first = 0
    for size in sizes:
        results.append(packed(made[first : first + size]))
        first += size
    return results[0] if len(results) == 1 else tuple(results)


def _factors(call: Call, shapes: Sequence[tuple[int, ...]]) -> Factors:
    """Return what looks at indices, and gives divisors and scales."""
    variant, tensors = call.variant, call.tensors
    fixed = (call.denominators, call.scales())
    if variant.prepass_args is None:
        return lambda _: fixed
    kernel = call.kernels.serial("prepass", variant.suffix)
    order = list(tensors.kernel)
    known = dict(zip(variant.params, call.params.kernel, strict=True))
    known.update({name: tensors.kernel[name] for name in order[len(shapes) :]})
    # An array that all calls share, or the place of one that is given, and its shape for kernels.
    wanted: list[tuple[Array | None, int, tuple[int, ...]]] = []
    for name in variant.prepass_args:
        place = 0 if name in known else order.index(name)
        wanted.append((known.get(name), place, shapes[place]))
    weight, mask, by_weight = call.weight, call.mask, call.by_weight
    divisors = [(weighted, weight if weighted else np.ones_like(weight)) for weighted in set(by_weight)]
    no_scale = np.empty(0, tensors.compute)
    counted = call.reduction in ("mean", "weighted_mean")
    coefficients, upstream = call.coefficients, call.upstream

    def factors(arrays: Sequence[Array]) -> tuple[Sequence[float], Array] | None:
        arguments = [
            arrays[place].reshape(shape) if shared is None else shared for shared, place, shape in wanted
        ]
        totals = {}
        for weighted, divisor in divisors:
            *totals[weighted], bad = kernel(*arguments, divisor, mask, no_scale)
            if bad >= 0:
                return None
        if not counted:
            return fixed
        denominators = [float(totals[weighted][term]) for term, weighted in enumerate(by_weight)]
        return denominators, scales_of(coefficients, upstream, denominators)

    return factors


def _reduced(call: Call) -> Callable[[Array, Sequence[float]], Any]:
    """Return what gives the value from the sums of all blocks and the divisors."""
    kernels, suffix, coefficients = call.kernels, call.variant.suffix, call.coefficients
    dtype = call.tensors.result
    return lambda partials, denominators: scalar(
        kernels.reduced(suffix, partials, coefficients, denominators), dtype
    )
