"""Memory is used again when nobody can see it, and only then."""

import sys

import numpy as np
import pytest

import lossgen
import tests.runtime.fixtures.cases as L
from lossgen import LossTypeError, LossValueError
from lossgen.runtime import memory, reuse
from tests.runtime.test_processes import run

F32 = np.dtype(np.float32)
SHAPE = (1024, 1024)
SIZE = 4 * 2**20


@pytest.fixture
def store(monkeypatch):
    made = memory.Store()
    monkeypatch.setattr(memory, "_store", made)
    monkeypatch.setattr(memory, "LEAST", 1024)
    monkeypatch.setattr(reuse, "_chosen", None)
    monkeypatch.setattr(reuse, "_listeners", [made.shrink])
    return made


HOLD = {
    "itself": lambda array: array,
    "a view": lambda array: array[3:5, ::2],
    "a view of a view": lambda array: array.T[1:, ::3].view(np.int32),
    "a buffer": memoryview,
    "an array of a buffer": lambda array: np.frombuffer(memoryview(array), np.int32),
    "an iterator": lambda array: array.flat,
    "a list": lambda array: [array],
    "an object of ctypes": lambda array: array.ctypes,
}


@pytest.mark.parametrize("hold", HOLD.values(), ids=HOLD)
def test_memory_in_use_is_not_handed_out(store, hold):
    array = memory.fresh(SHAPE, F32)
    place = array.ctypes.data
    held = hold(array)
    del array
    assert memory.fresh(SHAPE, F32).ctypes.data != place
    del held
    assert place in [one.ctypes.data for one in [memory.fresh(SHAPE, F32) for _ in range(2)]]


def test_one_block_serves_every_dtype_of_its_size(store):
    places = {memory.fresh((2**20,), F32).ctypes.data, memory.fresh((2**19,), np.dtype(float)).ctypes.data}
    assert len(places) == 1
    assert store.kept == SIZE


def test_collected_results_are_not_kept_without_end(store):
    collected = [memory.fresh(SHAPE, F32) for _ in range(9)]
    assert store.kept == memory.MOST_OF_A_SIZE * SIZE
    assert len({array.ctypes.data for array in collected}) == 9


def test_the_limit_holds_and_old_blocks_make_room(store):
    lossgen.reuse_memory(3 * SIZE)
    for factor in (1, 2, 3, 1, 2):
        memory.fresh((factor * 2**20,), F32)
        assert store.kept <= 3 * SIZE
    held = memory.fresh((3 * 2**20,), F32)
    memory.fresh(SHAPE, F32)
    assert store.kept == 3 * SIZE  # what is in use stays, what has no room is not kept
    lossgen.reuse_memory(0)
    del held
    lossgen.reuse_memory(0)
    assert store.kept == 0
    memory.fresh(SHAPE, F32)
    assert store.kept == 0


def test_results_use_the_memory_of_dead_ones_and_stay_apart(store, monkeypatch):
    monkeypatch.setattr(memory, "GRAIN", 64)
    rng = np.random.default_rng(3)
    x, y, z = rng.normal(size=(3, 40, 50)).astype(np.float32)
    first = L.elementwise_case.grad(x, y)
    kept = first.copy()
    second = L.elementwise_case.grad(z, y)
    for planned in (False, True, True):
        third = L.elementwise_case.grad(y, x, upstream=1.0 + planned)
        assert not np.shares_memory(first, second)
        assert not np.shares_memory(third, first)
        assert not np.shares_memory(third, second)
    np.testing.assert_array_equal(first, kept)
    place = third.ctypes.data
    del third
    assert L.elementwise_case.grad(y, x, upstream=2.0).ctypes.data == place


@pytest.mark.parametrize(("text", "most"), [("", 2**28), ("0", 0), (" 4096 ", 4096)])
def test_the_environment_variable(monkeypatch, store, text, most):
    monkeypatch.setenv("LOSSGEN_REUSE_MEMORY", text)
    assert reuse.limit() == most


def test_wrong_limits_are_refused(monkeypatch, store):
    for wrong, kind in (
        (-1, LossValueError),
        ("1 GB", LossValueError),
        (1.5, LossTypeError),
        (True, LossTypeError),
    ):
        with pytest.raises(kind, match="pass a number of bytes"):
            lossgen.reuse_memory(wrong)
    monkeypatch.setenv("LOSSGEN_REUSE_MEMORY", "-5")
    with pytest.raises(LossValueError, match="environment variable LOSSGEN_REUSE_MEMORY got -5"):
        reuse.limit()


FILES = """
import resource
import sys

import numpy as np
import lossgen
import tests.runtime.fixtures.cases as L
lossgen.threads({threads!r})
count = 2**24
def file(name, mode):
    return np.memmap({folder!r} + name, np.float32, mode, shape=(count,))
file("x", "w+")[-1] = 3
file("y", "w+")
x, y, out = file("x", "r"), file("y", "r"), file("out", "w+")
def calls(*arrays):
    return L.elementwise_case(*arrays[:2]), *L.elementwise_case.value_and_grad(*arrays[:2], out=arrays[2])
calls(*np.ones((3, 2**18), np.float32))
used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
limit = used * 1024 + x.nbytes // 4
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.ones(count, np.float32)
except MemoryError:
    print("no room for one of them")
print(*(float(value) * count for value in calls(x, y, out)[:2]), out[-1] * count, out[0])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("threads", ["serial", 2])
def test_files_larger_than_the_memory(tmp_path, threads):
    printed = run(FILES.format(folder=f"{tmp_path}/", threads=threads)).splitlines()
    assert printed == ["no room for one of them", "2.5 2.5 1.0 0.0"]
