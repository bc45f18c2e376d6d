"""Answers questions about CUDA kernels in Numba's simulator, one line of JSON for each. Run with
NUMBA_ENABLE_CUDASIM=1: Numba reads it at import, so this is a process of its own.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np

import lossgen.losses
from lossgen.oracle.arrange import Arrangement
from lossgen.oracle.evaluate import Oracle
from lossgen.oracle.samplers import batches
from lossgen.oracle.verify import verify_variant
from lossgen.runtime import call, launch_cuda
from lossgen.runtime.launch_cuda import CudaKernels, CudaLoss, on_cuda
from lossgen.spec.model import Loss, Variant
from tests import shipped
from tests.backends.device_math import DEVICE_MATH

# Several blocks of samples in small batches too.
call.BLOCK_ELEMENTS = 16
LOSSES = {loss.name: loss for loss in shipped.LOSSES}


class Simulated(CudaKernels):
    """Kernels whose `math` is that of a device."""

    def _find(self, kind: str, suffix: str, way: str) -> Any:
        kernel = super()._find(kind, suffix, way)
        kernel.__wrapped__.__globals__["math"] = DEVICE_MATH
        return kernel


launch_cuda.CudaKernels = Simulated  # type: ignore[misc]


def on_device(name: str, threads: int = 4, most_blocks: int = 2) -> CudaLoss:
    loss = on_cuda(lossgen.losses.all()[name])
    loss.kernels.threads, loss.kernels.most_blocks = threads, most_blocks
    return loss


def verify(name: str, suffix: str, dtype: str, points: int) -> list[dict[str, Any]]:
    """Judge one variant by its exact expression."""
    loss = LOSSES[name]
    variant = next(v for v in loss.variants if v.suffix == suffix)
    package = SimpleNamespace(all=lambda: {name: on_device(name)})
    rows = verify_variant(loss, variant, package, dtypes=[np.dtype(dtype)], points=points)
    return [
        {"output": r.output, "points": r.points, "failed": r.failed, "failures": r.failures} for r in rows
    ]


def sampled(loss: Loss, variant: Variant, count: int) -> dict[str, Any]:
    """Return arguments of a call in float32, about an eighth of `count` samples."""
    every = batches(loss, variant, Oracle(variant.program), "practical", count, np.dtype(np.float32), 0)
    arrangement = Arrangement(loss, variant)
    cases = next(every).cases
    return arrangement.arrays(cases if arrangement.batched else cases[:1])


def launches(name: str, suffix: str) -> list[list[str]]:
    """Return the bits of a value and its gradient under several launches."""
    loss = LOSSES[name]
    variant = next(v for v in loss.variants if v.suffix == suffix)
    given = sampled(loss, variant, 160)
    found = []
    for threads, blocks in ((1, 1), (3, 2), (200, 1)):
        value, gradient = on_device(name, threads, blocks).value_and_grad(**given, reduction="mean")
        arrays = [value, *(gradient if isinstance(gradient, tuple) else (gradient,))]
        found.append([np.asarray(array).tobytes().hex() for array in arrays])
    return found


def masked(name: str) -> dict[str, bool]:
    """Leave out samples that are NaN; the gradient by the others is that without them."""
    loss = LOSSES[name]
    given = sampled(loss, loss.variants[0], 160)
    first = loss.variants[0].program.predictions[0].name
    samples = len(given[first])
    keep = np.arange(samples) % 3 != 1
    kept = {key: _of(value, keep) for key, value in given.items()}
    given[first] = np.where(keep.reshape(-1, *[1] * (given[first].ndim - 1)), given[first], np.nan)
    values, gradients = on_device(name).value_and_grad(**given, where=keep, reduction="sum", wrt=(first,))
    alone, wanted = on_device(name).value_and_grad(**kept, reduction="sum", wrt=(first,))
    return {
        "some": bool(keep.any() and not keep.all()),
        "value": bool(abs(values - alone) <= 1e-6 * abs(alone)),
        "kept": bool(np.array_equal(gradients[0][keep], wanted[0])),
        "left out": not gradients[0][~keep].any(),
    }


def _of(value: Any, keep: Any) -> Any:
    return value[keep] if np.shape(value)[:1] == keep.shape else value


def indexed() -> list[str]:
    """Return the losses with class indices."""
    entries = {name: loss.entry for name, loss in lossgen.losses.all().items()}
    return [
        name
        for name, entry in entries.items()
        if entry.structure == "row" and any(tensor.role == "class" for tensor in entry.tensors)
    ]


def out_of_range(name: str) -> str:
    """Return what is said of one bad index among many good ones."""
    loss = LOSSES[name]
    variant = loss.variants[0]
    given = sampled(loss, variant, 160)
    (index,) = (tensor.name for tensor in variant.program.inputs if tensor.role == "class")
    given[index][-2] = 10**6
    return _error(lambda: on_device(name)(**given))


def refused(name: str) -> str:
    """Return what is said of a loss without CUDA kernels."""
    loss = LOSSES[name]
    return _error(lambda: on_device(name)(**sampled(loss, loss.variants[0], 4)))


def compiled() -> str:
    """Return what is said of a formula, which is compiled for the CPU alone."""
    return _error(lambda: on_cuda(lossgen.compile("(x - y)**2"))(1.0, 2.0))


def _error(run: Any) -> str:
    try:
        run()
    except lossgen.LossError as error:
        return str(error)
    return "it ran"


QUESTIONS = {
    function.__name__: function
    for function in (verify, launches, masked, indexed, out_of_range, refused, compiled)
}

if __name__ == "__main__":
    for line in sys.stdin:
        question, *arguments = json.loads(line)
        try:
            answer = {"answer": QUESTIONS[question](*arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
