"""Plans: what all plain calls of one kind have in common, checked and prepared once.

A call is plain if its arrays lie in memory as kernels read them and its keywords are numbers, words and
flags. The first call of a kind, told apart by shapes, dtypes and keywords, goes the general way (`call`,
`evaluate`). What is then known of all such calls is a plan: those that follow look at what no plan can know
(indices out of range, overlapping memory) and run the kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossgen.runtime.arrays import Array
from lossgen.runtime.bind import Request
from lossgen.runtime.call import Call
from lossgen.runtime.evaluate import curvature_kind
from lossgen.runtime.layout import Layout
from lossgen.runtime.prepass import INDICES
from lossgen.runtime.step import Plan, make_step

__all__ = ["Kind", "Plan", "kind_of", "make_plan"]

Kind = tuple[Any, ...]

# Prepared arrays that a plan may hold. Where they are larger, preparing them takes little of a call.
MOST_BYTES = 2**16
_PLAIN = frozenset({bool, int, float, str, type(None)})
_ndarray = np.ndarray


def kind_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Kind | None:
    """Return what tells kinds of plain calls apart; None if a call is not plain."""
    kind: list[Any] = []
    for array in args:
        if type(array) is not _ndarray or not array.flags.carray:
            return None
        kind += (array.shape, array.dtype)
    for name, value in kwargs.items():
        if type(value) in _PLAIN:
            # True == 1 == 1.0 and 0.0 == -0.0, but they are different arguments.
            kind += (name, type(value), value or (repr(value),))
        elif name == "out" and type(value) is _ndarray and value.flags.carray:
            kind += (name, value.shape, value.dtype)
        elif name == "out" and type(value) is tuple and len(value) > 1:
            for array in value:
                if type(array) is not _ndarray or not array.flags.carray:
                    return None
                kind += (name, array.shape, array.dtype)
        else:
            return None
    return tuple(kind)


def make_plan(operation: str, call: Call, request: Request, args: Sequence[Array]) -> Plan | None:
    """Return the plan of the kind of a plain call that has succeeded; None if the kind has none.

    Parameters
    ----------
    operation : str
        Name of the operation.
    call, request
        The call, prepared, and its sorted arguments.
    args : sequence of ndarray
        Its arrays: predictions, targets.
    """
    make = _MAKERS.get(operation)
    if make is None or request.options.get("wrt") is not None or not _reads_in_place(call, args):
        return None
    return make(call, args, request.options)


def _reads_in_place(call: Call, args: Sequence[Array]) -> bool:
    """Whether kernels read all arrays where they lie, and the prepass looks at all that no plan can know."""
    tensors, variant = call.tensors, call.variant
    if variant.prepass_args is None and any(tensor.role in INDICES for tensor in call.entry.tensors):
        return False
    layouts = [*tensors.layouts.values(), call.values_layout]
    if tensors.half or variant.mean_scale or any(layout.order is not None for layout in layouts):
        return False
    read = list(tensors.kernel.values())
    for kernel, array in zip(read, args, strict=False):
        if kernel.dtype != array.dtype or not array.size or kernel.ctypes.data != array.ctypes.data:
            return False
    prepared = [*read[len(args) :], *call.params.kernel, call.weight, call.item_weight(), call.mask]
    return sum(array.nbytes for array in prepared) <= MOST_BYTES


def _value(call: Call, args: Sequence[Array], options: dict[str, Any]) -> Plan | None:
    if call.reduction == "none":
        return _values(call, args)
    return make_step(call, args, "value", [], call.weight, True) if options["out"] is None else None


def _values(call: Call, args: Sequence[Array]) -> Plan:
    return make_step(call, args, "values", [[call.values_layout]], call.weight)


def _value_and_grad(call: Call, args: Sequence[Array], options: dict[str, Any]) -> Plan:
    if call.reduction != "none":
        return make_step(call, args, "gradient", [_predictions(call)], call.item_weight(), True)
    values, gradient = _values(call, args), _grad(call, args, options)

    def plan(arrays: Sequence[Array], out: Any) -> Any:
        results = values(arrays, None), gradient(arrays, out)
        return NotImplemented if any(result is NotImplemented for result in results) else results

    return plan


def _grad(call: Call, args: Sequence[Array], _options: dict[str, Any]) -> Plan:
    return make_step(call, args, "gradient", [_predictions(call)], call.item_weight())


def _grad_and_hess(call: Call, args: Sequence[Array], options: dict[str, Any]) -> Plan:
    kind = curvature_kind(call, options["curvature"])
    return make_step(call, args, kind, [_predictions(call)] * 2, call.weight)


def _predictions(call: Call) -> list[Layout]:
    return [call.tensors.layouts[tensor.name] for tensor in call.entry.predictions]


_MAKERS = {"value": _value, "value_and_grad": _value_and_grad, "grad": _grad, "grad_and_hess": _grad_and_hess}
