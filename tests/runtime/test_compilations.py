"""A kernel is compiled once for each dtype, whatever the memory and the numbers of a call."""

import shutil

import numpy as np
import pytest

import tests.runtime.fixtures.cases as L
from tests.runtime.test_processes import CASES, run

RNG = np.random.default_rng(9)
WIDE, OTHER = RNG.normal(size=(2, 8, 12))
ROWS, CLASSES = RNG.normal(size=(12, 3)), RNG.integers(0, 3, 12)


def locked(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def shifted(array):
    """A copy whose numbers lie across the boundaries of their size."""
    memory = np.empty(array.nbytes + 1, np.uint8)[1:]
    moved = memory.view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


MEMORY = {
    "as it is": np.array,
    "every other": lambda array: np.repeat(array, 2, axis=0)[::2],
    "backwards": lambda array: array[::-1],
    "by columns": np.asfortranarray,
    "read-only": locked,
    "unaligned": shifted,
    "one sample": lambda array: array[:1],
    "byte-swapped": lambda array: array.astype(array.dtype.newbyteorder()),
    "broadcast": lambda array: np.broadcast_to(array[:1], array.shape),
    "a list": lambda array: array.tolist(),
}


def compiled(loss):
    return {key: len(kernel.signatures) for key, kernel in loss.kernels._found.items()}


@pytest.mark.parametrize("memory", MEMORY.values(), ids=MEMORY)
def test_any_memory_meets_the_same_kernel(memory):
    for operation in (L.elementwise_case.value_and_grad, L.elementwise_case.grad_and_hess):
        operation(WIDE, OTHER)
        before = compiled(L.elementwise_case)
        operation(memory(WIDE), memory(OTHER))
        assert compiled(L.elementwise_case) == before
    L.row_case.grad(ROWS, CLASSES)
    before = compiled(L.row_case)
    L.row_case.grad(memory(ROWS), memory(CLASSES))
    assert compiled(L.row_case) == before


def test_any_numbers_meet_the_same_kernel():
    L.elementwise_case.value_and_grad(WIDE, OTHER)
    before = compiled(L.elementwise_case)
    for delta in (2, 0.5, np.float32(3), np.int8(1), np.array(2.0), np.ones((8, 1)), [1.0] * 12):
        for weight in (None, 2, 0.5, np.ones(12), np.ones((8, 12), np.float32)):
            L.elementwise_case.value_and_grad(WIDE, OTHER, delta=delta, weight=weight, reduction="sum")
    L.elementwise_case.value_and_grad(WIDE, OTHER, where=WIDE > 0, out=np.empty((8, 12)), upstream=2)
    assert compiled(L.elementwise_case) == before


SHIPPED = """
import numpy as np
import cached_cases as L
for dtype in (np.float32, np.float64):
    x = np.linspace(-3, 3, 50_000, dtype=dtype)
    L.elementwise_case.value_and_grad(x, 0 * x)
    L.elementwise_case(x[:9], x[:9], reduction="none")
    L.row_case.grad(x.reshape(-1, 10), np.zeros(5_000, int))
found = [kernel for loss in (L.elementwise_case, L.row_case) for kernel in loss.kernels._found.values()]
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in found), len(found))
"""


def test_a_cache_that_was_made_before_leaves_nothing_to_compile(tmp_path):
    package = tmp_path / "cached_cases"
    shutil.copytree(CASES, package, ignore=shutil.ignore_patterns("__pycache__"))
    folder = str(tmp_path / "warm")
    misses = [run(SHIPPED, path=[tmp_path], NUMBA_CACHE_DIR=folder).split() for _ in range(2)]
    assert int(misses[0][0]) > 0
    assert misses[1] == ["0", misses[0][1]]
