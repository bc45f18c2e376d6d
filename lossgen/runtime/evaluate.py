"""The operations on a prepared call: value, gradient, curvature and Hessian-vector product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossgen.errors import LossTypeError, LossValueError
from lossgen.runtime.arrays import Array, as_array, require_numbers
from lossgen.runtime.bind import Request
from lossgen.runtime.call import Call
from lossgen.runtime.outputs import Output, check_outs, convert, deliver, packed, scalar
from lossgen.runtime.wrt import resolve_wrt, sum_to_shape

__all__ = ["OPERATIONS", "curvature_kind"]


def _value(call: Call, request: Request) -> Any:
    out = request.options["out"]
    result = call.tensors.result
    if call.reduction == "none":
        (checked,) = check_outs(out, [call.values_layout.shape], result, True)
        return _unreduced(call, checked)
    (checked,) = check_outs(out, [()], result, True)
    partials = call.new_partials()
    call.run("value", (), scales=call.scales(), partials=partials)
    value = scalar(call.reduced(partials), result)
    if checked is None:
        return value
    checked[...] = value
    return checked


def _unreduced(call: Call, out: Array | None) -> Array:
    weight = call.weight
    output = Output(
        call.values_layout, call.output_dtype("values"), call.tensors.result, out, [*call.inputs, weight]
    )
    call.run("values", (output.kernel,), scales=np.ones(call.variant.terms), weight=weight)
    return output.finished()


def _gradient(call: Call, request: Request, with_value: bool) -> tuple[Any, Any]:
    names, single = resolve_wrt(request.options["wrt"], call.loss, call.entry, call.variant)
    tensors, params = call.tensors, call.params
    shapes = [params.shapes[name] if name in params.shapes else tensors.layouts[name].shape for name in names]
    outs = dict(zip(names, check_outs(request.options["out"], shapes, tensors.result, single), strict=True))
    predictions = [tensor.name for tensor in call.entry.predictions]
    written = predictions if set(names) <= set(predictions) else list(call.variant.wrt_all)
    kind = "gradient" if written is predictions else "gradient_all"
    weight = call.item_weight()
    reads = [*call.inputs, weight]
    outputs: dict[str, Output] = {}
    buffers: dict[str, Array] = {}
    for name in written:
        if name in params.shapes:
            axes = next(param.axes for param in call.entry.params if param.name == name)
            sizes = tuple(tensors.sizes[axis] for axis in axes)
            buffers[name] = np.empty((call.samples, *sizes), tensors.compute)
        else:
            outputs[name] = Output(
                tensors.layouts[name], call.output_dtype(kind), tensors.result, outs.get(name), reads
            )
            buffers[name] = outputs[name].kernel
    partials = call.new_partials()
    # The values are read before any gradient is delivered: `out` may be one of the inputs.
    values = _unreduced(call, None) if with_value and call.reduction == "none" else None
    call.run(kind, list(buffers.values()), scales=call.scales(), weight=weight, partials=partials)
    if with_value and values is None:
        values = scalar(call.reduced(partials), tensors.result)
    gradients = []
    for name, shape in zip(names, shapes, strict=True):
        if name in outputs:
            gradients.append(outputs[name].finished())
        else:
            per_class = bool(buffers[name].ndim > 1)
            total = sum_to_shape(buffers[name], shape, None if per_class else tensors.batch_shape)
            gradients.append(_into(total, outs[name], tensors.result))
    return values, gradients[0] if single else tuple(gradients)


def _into(array: Array, out: Array | None, dtype: np.dtype[Any]) -> Array:
    if out is None:
        return convert(array, dtype)
    deliver(array, out)
    return out


def _value_and_grad(call: Call, request: Request) -> Any:
    return _gradient(call, request, True)


def _grad(call: Call, request: Request) -> Any:
    return _gradient(call, request, False)[1]


def _prediction_outputs(
    call: Call, kind: str, outs: Sequence[Array | None], reads: Sequence[Array]
) -> list[Output]:
    tensors = call.tensors
    names = [tensor.name for tensor in call.entry.predictions]
    repeated = names * (len(outs) // len(names))
    return [
        Output(tensors.layouts[name], call.output_dtype(kind), tensors.result, out, reads)
        for name, out in zip(repeated, outs, strict=True)
    ]


def _grad_and_hess(call: Call, request: Request) -> Any:
    kind = curvature_kind(call, request.options["curvature"])
    count = len(call.entry.predictions)
    shapes = [call.tensors.layouts[tensor.name].shape for tensor in call.entry.predictions]
    out = request.options["out"]
    if out is not None and count > 1:
        if not isinstance(out, (tuple, list)) or len(out) != 2:
            raise LossTypeError("out must be a pair: a tuple of gradients and a tuple of Hessian diagonals")
        out = [*out[0], *out[1]]
    weight = call.weight
    outs = check_outs(out, shapes * 2, call.tensors.result, False)
    outputs = _prediction_outputs(call, kind, outs, [*call.inputs, weight])
    kernels = [output.kernel for output in outputs]
    call.run(kind, kernels, scales=np.ones(call.variant.terms), weight=weight)
    arrays = [output.finished() for output in outputs]
    return packed(arrays[:count]), packed(arrays[count:])


def curvature_kind(call: Call, curvature: Any) -> str:
    """Return the kind of kernel that computes the curvature of a call."""
    rules = call.variant.curvature
    rule = rules.get(curvature) if isinstance(curvature, str) else None
    if rule is not None and rule.kind is not None:
        return rule.kind
    if "hessian" not in call.variant.kinds:
        reason = call.variant.no_hessian or "its Hessian is not diagonal"
        raise LossTypeError(
            f"{call.loss} has no grad_and_hess: {reason}. Use {call.loss}.hvp for products with the Hessian"
        )
    if curvature == "exact":
        return "hessian"
    others = ["exact", *(name for name, one in rules.items() if one.kind is not None)]
    fix = " or ".join(f"curvature={name!r}" for name in others)
    if len(others) == 1:
        fix += ", which may be 0 or negative: raise it to a positive number before dividing by it"
    reason = f" for {call.loss}: {rule.reason}" if rule is not None else f" for {call.loss}"
    raise LossValueError(f"curvature={curvature!r} does not exist{reason}; use {fix}")


def _hvp(call: Call, request: Request) -> Any:
    predictions = [tensor.name for tensor in call.entry.predictions]
    given = request.options["v"]
    if len(predictions) == 1:
        given = [given]
    elif not isinstance(given, (tuple, list)) or len(given) != len(predictions):
        raise LossTypeError(
            f"v must be a tuple of {len(predictions)} arrays, one for each of {', '.join(predictions)}"
        )
    tangents = [_tangent(call, name, value) for name, value in zip(predictions, given, strict=True)]
    shapes = [call.tensors.layouts[name].shape for name in predictions]
    weight = call.item_weight()
    outs = check_outs(request.options["out"], shapes, call.tensors.result, len(predictions) == 1)
    outputs = _prediction_outputs(call, "hvp", outs, [*call.inputs, *tangents, weight])
    kernels = [output.kernel for output in outputs]
    call.run("hvp", kernels, scales=call.scales(), weight=weight, tangents=tangents)
    return packed([output.finished() for output in outputs])


def _tangent(call: Call, name: str, value: Any) -> Array:
    array = as_array(value, "v")
    require_numbers(array, "v")
    layout = call.tensors.layouts[name]
    if array.shape != layout.shape:
        raise LossValueError(
            f"v has shape {array.shape}, but {name} has shape {layout.shape}: both must be equal"
        )
    return layout.to_kernel(array, call.tensors.read_dtype(array))


OPERATIONS = {
    "value": _value,
    "value_and_grad": _value_and_grad,
    "grad": _grad,
    "grad_and_hess": _grad_and_hess,
    "hvp": _hvp,
}
