"""Parts of a kernel that threads share are all done, once, and leave nothing behind."""

import gc
import os
import threading
import weakref

import numba
import numpy as np
import pytest

from lossgen.runtime import crew
from lossgen.runtime.half_arrays import HalfArray

pytestmark = pytest.mark.skipif(not crew.EXISTS, reason="this system has no semaphores in memory")

BLOCK, SAMPLES = 3, 40
COUNT = -(-SAMPLES // BLOCK)
MODES = np.array([crew.SAMPLES, crew.BLOCKS, crew.WHOLE, crew.WHOLE])
CUTS = np.array([0, 5, 8, 10, 12, 13, COUNT])


@numba.njit(nogil=True)
def add_rows(samples, blocks, whole, block):
    """A kernel: the sum of the rows of each block, seen from its first one."""
    for k in range(blocks.shape[0]):
        for row in range(k * block, min((k + 1) * block, samples.shape[0])):
            if samples[row, 0] < 0:
                raise ValueError
            for entry in range(samples.shape[1]):
                blocks[k] += samples[row, entry] * whole[entry]


def shared(samples, blocks, whole, threads=3, cuts=CUTS):
    """Run the kernel in parts."""
    arguments = (samples, blocks, whole, BLOCK)
    kinds = tuple(map(numba.typeof, arguments))
    add_rows.compile(kinds)
    compiled = add_rows.overloads[kinds]
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    return crew.run_parts(address, cuts, MODES, BLOCK, threads, arguments)


def rows(dtype=np.float64):
    return np.random.default_rng(2).integers(0, 9, (SAMPLES, 2)).astype(dtype), np.array([1.0, 2.0])


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("kind", ["contiguous", "strided", "backwards", "half"])
def test_parts_see_their_samples_and_blocks(kind, threads):
    samples, whole = rows(np.float16 if kind == "half" else np.float64)
    if kind == "strided":
        samples = np.repeat(samples, 3, axis=0)[::3]
    given = HalfArray(samples) if kind == "half" else samples[::-1] if kind == "backwards" else samples
    found = np.zeros(COUNT)
    assert shared(given, found, whole, threads) > 0
    exact = (samples[::-1] if kind == "backwards" else samples) @ whole
    assert found.tolist() == [exact[k * BLOCK : (k + 1) * BLOCK].sum() for k in range(COUNT)]


def test_every_part_is_done_once_whoever_asks():
    samples, whole = rows()
    exact = np.zeros(COUNT)
    add_rows(samples, exact, whole, BLOCK)
    wrong, refused = [], []

    def ask():
        for _ in range(300):
            found = np.zeros(COUNT)
            if shared(samples, found, whole) is None:
                refused.append(found.any())
            elif not (found == exact).all():
                wrong.append(found)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
        assert not asker.is_alive()
    assert not wrong
    assert not any(refused)  # who finds the crew at work has written nothing


def test_a_part_that_fails_is_told():
    samples, whole = rows()
    samples[17] = -1
    assert shared(samples, np.zeros(COUNT), whole) is None
    assert shared(abs(samples), np.zeros(COUNT), whole) > 0


def test_the_caller_works_alone_where_no_thread_can_be_started(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(crew, "_crew", crew._Crew())
    samples, whole = rows()
    found, exact = np.zeros(COUNT), np.zeros(COUNT)
    add_rows(samples, exact, whole, BLOCK)
    assert shared(samples, found, whole) > 0
    assert (found == exact).all()


@pytest.mark.skipif(crew.EXISTS and len(os.sched_getaffinity(0)) < 2, reason="there is one core")
@pytest.mark.parametrize("place", [crew._AT, crew._SEATS + crew._SEAT + crew._CORE], ids=["caller", "other"])
@pytest.mark.parametrize("by", ["itself", "somebody"])
def test_a_thread_leaves_the_core_of_another_one_unless_it_must_stay(place, by):
    team, found = crew._Crew().team, []

    def wake():
        cores = os.sched_getaffinity(0)
        allowed, own = np.zeros((2, crew._CORES), np.int64)
        for core in cores:
            allowed[core >> 6] |= np.int64(1) << (core & 63)
        os.sched_setaffinity(0, {min(cores)})  # so that it is known where this thread runs
        own[min(cores) >> 6] = np.int64(by == "itself") << (min(cores) & 63)
        team[[crew._AT, crew._SEATS + crew._SEAT + crew._CORE]] = -1
        team[place], team[crew._HELPERS] = min(cores), 2
        crew._spread(team, crew._SEATS, allowed, own)
        cores = cores - {min(cores)} if by == "itself" else {min(cores)}
        found.extend([cores, os.sched_getaffinity(0), team[crew._SEATS + crew._CORE]])

    thread = threading.Thread(target=wake)
    thread.start()
    thread.join(60)
    wanted, left, core = found
    assert left == wanted
    assert core in wanted


def test_nothing_keeps_an_array_alive():
    samples, whole = rows()
    held = weakref.ref(samples)
    shared(samples, np.zeros(COUNT), whole)
    del samples
    gc.collect()
    assert held() is None
