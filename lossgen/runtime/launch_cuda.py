"""Run the CUDA kernels of a loss: ``on_cuda(L.huber)(x, y)``.

Arrays are NumPy's; Numba copies them to the device and back. Under ``NUMBA_ENABLE_CUDASIM=1`` the kernels run
in Numba's simulator, without a device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import cuda

from lossgen.errors import LossError, LossTypeError
from lossgen.runtime.arrays import Array
from lossgen.runtime.bind import Binder, find_variant, no_variant, wanted_choices
from lossgen.runtime.call import Call
from lossgen.runtime.evaluate import OPERATIONS
from lossgen.runtime.launch import Cut, Kernels
from lossgen.runtime.loss import Loss

__all__ = ["CudaKernels", "CudaLoss", "on_cuda"]

FOLDER = "numba_cuda"
# Threads of a block, and the most blocks of a launch: neither changes a result, kernels stride over the rest.
THREADS = 128
MOST_BLOCKS = 4096


class CudaKernels(Kernels):
    """The CUDA kernels of one loss, with the calling convention of those of the CPU.

    Parameters
    ----------
    module : str
        Import name of the module of the default variant.
    name : str
        Name of the loss, for messages.

    Attributes
    ----------
    threads, most_blocks : int
        Threads of a block, and the most blocks of a launch.
    """

    def __init__(self, module: str, name: str) -> None:
        super().__init__(module)
        self.name, self.threads, self.most_blocks = name, THREADS, MOST_BLOCKS

    @staticmethod
    def readable(arguments: list[Any]) -> list[Any]:
        """Refuse 16-bit floats, which these kernels cannot read."""
        raise LossTypeError("CUDA kernels take float32 and float64: convert the arrays, x.astype(np.float32)")

    def serial(self, kind: str, suffix: str) -> Any:
        """Return the prepass as a function of host arrays, which gives divisor and first bad sample."""
        kernel = self._kernel(kind, suffix)

        def prepass(*arguments: Array) -> tuple[float, int]:
            samples = arguments[0].shape[0]
            block = self.threads
            blocks = -(-samples // block)
            partials, bad = np.zeros((blocks, 1)), np.full(blocks, samples)
            if blocks:
                kernel[min(blocks, self.most_blocks), self.threads](*arguments, partials, bad, block)
            first = int(bad.min(initial=samples))
            return self.reduced(suffix, partials, (1.0,), (1.0,)), -1 if first == samples else first

        return prepass

    def run(
        self,
        kind: str,
        suffix: str,
        arguments: Sequence[Any],
        elements: int,
        blocks: int,
        divisible: bool,
        cuts: Sequence[Cut],
    ) -> None:
        """Run a kernel; the last of its arguments is the number of samples in a block of the CPU's."""
        samples = arguments[0].shape[0]
        if samples:
            needed = blocks if kind in ("value", "gradient", "gradient_all") else -(-samples // self.threads)
            self._kernel(kind, suffix)[min(needed, self.most_blocks), self.threads](*arguments)

    def reduced(
        self, suffix: str, partials: Array, coefficients: Sequence[float], denominators: Sequence[float]
    ) -> float:
        """Return the value, from the sums of all blocks, which are added in an order that nothing changes."""
        out = np.zeros(1)
        factors = np.array(coefficients, np.float64), np.array(denominators, np.float64)
        self._kernel("finish", suffix)[1, self.threads](partials, *factors, out)
        return float(out[0])

    def _kernel(self, kind: str, suffix: str) -> Any:
        try:
            kernel = self._find(kind, suffix, "")
        except ModuleNotFoundError as error:
            # The module itself, or a package that it would lie in; what it imports is another matter.
            if not f"{self._module_of(suffix)}.".startswith(f"{error.name}."):
                raise
            raise LossError(
                f"{self.name} has no CUDA kernels: there are such for elementwise and row losses"
            ) from None
        if not cuda.is_available():
            raise LossError(
                f"{self.name} finds no CUDA device and driver: `lossgen doctor` says what is missing; "
                "the loss itself runs on the CPU"
            )
        return kernel


class CudaLoss:
    """A loss that runs its CUDA kernels: the same operations with the same arguments.

    Parameters
    ----------
    loss : Loss
        The loss.
    """

    def __init__(self, loss: Loss) -> None:
        self.name, self.entry = loss.name, loss.entry
        stem = loss.entry.module.rpartition(".")[2]
        self.kernels = CudaKernels(f"{loss.package}.{FOLDER}.{stem}", loss.name)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the value."""
        return self._run("value", args, kwargs)

    def value_and_grad(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the value and its gradient."""
        return self._run("value_and_grad", args, kwargs)

    def grad(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the gradient."""
        return self._run("grad", args, kwargs)

    def grad_and_hess(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return gradient and Hessian diagonal, not reduced."""
        return self._run("grad_and_hess", args, kwargs)

    def hvp(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the Hessian times a direction."""
        return self._run("hvp", args, kwargs)

    def _run(self, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        request = Binder(self.name, self.entry, operation).bind(args, kwargs)
        wanted = wanted_choices(self.entry, request)
        variant = find_variant(self.entry, wanted)
        if variant is None:
            missing = LossError("CUDA kernels are not compiled on first use")
            raise no_variant(self.name, self.entry, wanted, missing)
        return OPERATIONS[operation](Call(self.name, self.entry, variant, request, self.kernels), request)


def on_cuda(loss: Loss) -> CudaLoss:
    """Return a loss of this package, or of one built beside it, that runs its CUDA kernels."""
    return CudaLoss(loss)
