"""Compile routines that a test wrote by hand, and run them with the calling convention of generated
modules.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lossgen.backends.base import Kernel, Unit, VariantKernels
from lossgen.backends.registry import BACKENDS
from lossgen.derive.model import Routine
from lossgen.emit.render import module_text
from lossgen.lower import lower
from lossgen.spec.model import Loss


def module(
    folder: Path, *routines: Routine, prepass: Routine | None = None, mean_scale: bool = False
) -> ModuleType:
    """Return the generated module of these routines."""
    kernels = tuple(Kernel(routine.kind, routine, lower(routine)) for routine in routines)
    before = None if prepass is None else Kernel("prepass", prepass, lower(prepass))
    variant = VariantKernels("Formula", (), kernels, len(routines[0].results) or 1, before, mean_scale)
    backend = BACKENDS["numba_cpu"]
    unit = Unit(Loss("case", "", "A case.", "", "", (), ()), "a test", (variant,))
    path = folder / "case.py"
    path.write_text(module_text(backend, unit))
    spec = importlib.util.spec_from_file_location(f"case_{folder.name}", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def run(
    made: ModuleType, kind: str, inputs: list[Any], outputs: list[np.ndarray], **options: Any
) -> np.ndarray:
    """Run the serial and the parallel kernel; return the sums after checking that both give the same bits.

    ``inputs`` are the arguments up to the weight.
    """
    terms = options.get("terms", 1)
    samples = options["samples"]
    block = options.get("block", 3)
    mask = options.get("mask", np.ones(1, bool))
    scales = np.asarray(options.get("scales", np.ones(terms)), np.float64)
    found = []
    for suffix in ("", "_parallel"):
        partials = np.full((-(-samples // block), terms), np.nan)
        for output in outputs:
            output[...] = np.nan
        sums = () if kind in ("values", "hessian", "hvp") else (partials,)
        getattr(made, kind + suffix)(*inputs, mask, scales, *outputs, *sums, block)
        found.append([partials, *(output.copy() for output in outputs)])
    for serial, parallel in zip(*found, strict=True):
        np.testing.assert_array_equal(serial, parallel)
    return found[0][0].sum(axis=0) if not np.isnan(found[0][0]).all() else found[0][0][0]
