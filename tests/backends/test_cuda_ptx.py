"""The CUDA kernels compile to PTX with the NVVM that pip installs; no GPU takes part."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from numba import types

from lossgen.backends.base import Kernel
from lossgen.backends.numba_cpu.drivers import kernel_arguments, roles
from lossgen.backends.numba_cpu.sample import sample_arguments
from lossgen.backends.numba_cpu.spelling import with_needed
from lossgen.backends.numba_cuda import BACKEND
from lossgen.backends.numba_cuda.module import device_sample
from lossgen.backends.numba_cuda.spelling import HELPERS, NEEDS
from lossgen.pipeline.variant import compile_variant
from lossgen.spec.model import Loss, Variant
from lossgen.spec.structure import SMALL
from tests.shipped import LOSSES, VARIANTS

# numba-cuda finds NVVM and the device library where pip has put them.
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("numba_cuda", "nvidia")),
    reason="numba-cuda and NVVM are not installed: pip install 'lossgen[cuda]'",
)
CAPABILITIES = [(8, 0), (9, 0)]
WITH_KERNELS = [param for param in VARIANTS if param.values[0].structure in SMALL]
ONE_OF_EACH = [
    pytest.param(loss, loss.variants[0], id=loss.name)
    for loss in (next(one for one in LOSSES if one.structure == structure) for structure in SMALL)
]
Compile = Callable[..., str]


@pytest.fixture(params=CAPABILITIES, ids=lambda capability: "sm_{}{}".format(*capability))
def compile_ptx(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Compile:
    """Compile for a device that is not there: Numba asks it for its capability when functions are called."""
    dispatcher = importlib.import_module("numba.cuda.dispatcher")
    device = SimpleNamespace(compute_capability=request.param)
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: device)
    cuda = importlib.import_module("numba.cuda")

    def compiled(kernel: Any, argument_types: list[Any], device: bool = False) -> str:
        text, _ = cuda.compile_ptx(kernel.py_func, tuple(argument_types), cc=request.param, device=device)
        assert ".target sm_{}{}".format(*request.param) in text
        return text

    return compiled


def module(loss: Loss, variant: Variant) -> Any:
    stem = f"{loss.name}__{variant.suffix}" if variant.suffix else loss.name
    return importlib.import_module(f"lossgen.losses.{BACKEND.name}.{stem}")


def argument_types(kernel: Kernel, names: tuple[str, ...], real: Any) -> list[Any]:
    """Return the types with which the runtime calls a kernel."""
    known = {argument.name: argument for argument in kernel.function.arguments}
    fixed = {
        "mask": types.boolean[::1],
        "scales": types.float64[::1],
        "partials": types.float64[:, ::1],
        "bad": types.int64[::1],
        "mean_scale": real[::1],
        "block": types.int64,
    }
    shared = roles(kernel).shared
    found = []
    for name in names:
        if name in fixed and name not in known:
            found.append(fixed[name])
            continue
        argument = known.get(name)
        entry = types.int64 if argument is not None and argument.type == "int" else real
        rank = 0 if argument is None else argument.rank
        found.append(types.Array(entry, rank if name in shared else rank + 1, "C"))
    return found


@pytest.mark.parametrize(("loss", "variant"), ONE_OF_EACH)
def test_one_kernel_of_each_structure_compiles(compile_ptx: Compile, loss: Loss, variant: Variant) -> None:
    made = module(loss, variant)
    kernel = next(one for one in compile_variant(loss, variant).kernels.kernels if one.kind == "gradient")
    names = kernel_arguments(kernel, roles(kernel))
    assert ".visible .entry" in compile_ptx(made.gradient, argument_types(kernel, names, types.float32))


@pytest.mark.full
@pytest.mark.parametrize(("loss", "variant"), WITH_KERNELS)
def test_all_kernels_compile(compile_ptx: Compile, loss: Loss, variant: Variant) -> None:
    made, kernels = module(loss, variant), compile_variant(loss, variant).kernels
    for real in (types.float32, types.float64):
        for kernel in kernels.kernels:
            names = kernel_arguments(kernel, roles(kernel))
            text = compile_ptx(getattr(made, kernel.kind), argument_types(kernel, names, real))
            assert ".visible .entry" in text, kernel.kind
        if kernels.prepass is not None:
            names = (*roles(kernels.prepass).names, "mask", "mean_scale", "partials", "bad", "block")
            compile_ptx(made.prepass, argument_types(kernels.prepass, names, real))
    compile_ptx(made.finish, [types.float64[:, ::1], *[types.float64[::1]] * 3])


ELEMENTWISE = [param for param in WITH_KERNELS if param.values[0].structure == "elementwise"]


@pytest.mark.parametrize(("loss", "variant"), ELEMENTWISE[:1])
def test_single_precision_stays_single(compile_ptx: Compile, loss: Loss, variant: Variant) -> None:
    assert single_precision(compile_ptx, loss, variant)


@pytest.mark.full
@pytest.mark.parametrize(("loss", "variant"), ELEMENTWISE)
def test_single_precision_stays_single_in_all(compile_ptx: Compile, loss: Loss, variant: Variant) -> None:
    single_precision(compile_ptx, loss, variant)


def single_precision(compile_ptx: Compile, loss: Loss, variant: Variant) -> list[str]:
    """Look for float64 in the function of one sample; return the kinds that were looked at."""
    made, looked = module(loss, variant), []
    for kernel in compile_variant(loss, variant).kernels.kernels:
        helpers = with_needed(device_sample(kernel).helpers, HELPERS, NEEDS)
        if kernel.function.wide or any("np.float64" in HELPERS[name] for name in helpers):
            continue  # widened on purpose
        known = {argument.name: argument.type for argument in kernel.function.arguments}
        given = [
            types.int64 if known[name] == "int" else types.float32
            for name in sample_arguments(kernel.function)
        ]
        text = compile_ptx(getattr(made, f"_{kernel.kind}"), given, device=True)
        double = [line.strip() for line in text.splitlines() if ".f64" in line]
        assert not double, f"{kernel.kind}: {double[:5]}"
        looked.append(kernel.kind)
    return looked
