"""Machine code of kernels without inner loops: vector registers, no gathered loads, no call of a scalar
function.
"""

import importlib
import inspect
import json
import re
from typing import Any

import numba
import numpy as np
import pytest
from numba import types

from lossgen.derive.model import KINDS
from lossgen.paths import generated_folder

pytestmark = pytest.mark.full

# Those whose samples are single numbers; test_lanes.py reads the code of rows.
MODULES = [
    f"{name}__{variant['suffix']}" if variant["suffix"] else name
    for name, entry in json.loads((generated_folder() / "manifest.json").read_text())["losses"].items()
    if entry["structure"] == "elementwise"
    for variant in entry["variants"]
]
_OTHERS = {
    "block": types.int64,
    "k": types.int64,
    "mask": types.Array(types.boolean, 1, "C"),
    "scales": types.Array(types.float64, 1, "C"),
    "partials": types.Array(types.float64, 2, "C"),
}
_SCALAR_CALLS = re.compile(r"\b_?(exp|expm1|log|log1p|tanh|pow|sinh|cosh|erf|erfc)f?\b")


def test_losses_run_in_vector_registers() -> None:
    assert len(MODULES) > 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MODULES)
def test_machine_code(name: str, dtype: type) -> None:
    module = importlib.import_module(f"generated.numba_cpu.{name}")
    for kind in KINDS:
        if not hasattr(module, kind):
            continue
        assembly, loops = compiled(getattr(module, f"_{kind}_block").py_func, dtype)
        assert not re.search(r"v?p?(gather|scatter)", assembly), kind
        assert not _SCALAR_CALLS.findall("\n".join(re.findall(r"(?:call|movabs)\S*\s.*", assembly))), kind
        computes = re.search(r"\bvm\.|[*/]", inspect.getsource(getattr(module, f"_{kind}").py_func))
        # One loop for common parameters at least; another adds up the losses, if there are any.
        wanted = bool(computes) + hasattr(module, kind) * (kind in ("value", "gradient", "gradient_all"))
        assert loops >= wanted, f"{kind}: {loops} loops in vector registers, not {wanted}"


def compiled(block: Any, dtype: type) -> tuple[str, int]:
    """Return the machine code of a function, and how many of its loops compute with vectors."""
    arrays = types.Array(numba.from_dtype(np.dtype(dtype)), 1, "C")
    signature = tuple(_OTHERS.get(argument, arrays) for argument in inspect.signature(block).parameters)
    fresh = numba.njit(error_model="numpy", nogil=True)(block)
    fresh.compile(signature)
    ((ir, assembly),) = zip(fresh.inspect_llvm().values(), fresh.inspect_asm().values(), strict=True)
    kind = "float" if dtype == np.float32 else "double"
    bodies = re.split(r"\n(?=[\w.]+:)", ir)
    return assembly, sum(body.startswith("vector.body") and f"x {kind}>" in body for body in bodies)
