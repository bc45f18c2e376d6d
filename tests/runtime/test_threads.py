"""Threads change the speed and nothing else."""

import os
import signal
import threading
import time

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lossgen
import tests.runtime.fixtures.cases as L
from lossgen import LossTypeError, LossValueError
from lossgen.runtime import launch
from lossgen.runtime import threads as settings

RNG = np.random.default_rng(6)
X, Y = RNG.normal(size=(2, 100_003))
ROWS, CLASSES = RNG.normal(size=(9_001, 10)), RNG.integers(0, 10, size=9_001)
AVAILABLE = int(vars(numba.config)["NUMBA_NUM_THREADS"])


def results():
    """Return the bytes of several large calls."""
    value, grad = L.elementwise_case.value_and_grad(X, Y)
    alone = L.elementwise_case(X, Y, weight=np.abs(Y))
    by_rows = L.row_case.value_and_grad(ROWS, CLASSES, penalty=0.5)
    return [np.asarray(array).tobytes() for array in (value, grad, alone, *by_rows)]


@pytest.fixture
def parallel_calls(monkeypatch):
    """Count the calls that use threads, with the number of threads of each; no call is too short for them."""
    counts: list[int] = []
    in_layer, in_crew = launch.Kernels._run_threads, launch.crew.run_parts

    def layer(self, kind, suffix, arguments, count, way):
        counts.append(count)
        in_layer(self, kind, suffix, arguments, count, way)

    def crew(kernel, cuts, modes, block, count, arguments):
        counts.append(count)
        return in_crew(kernel, cuts, modes, block, count, arguments)

    monkeypatch.setattr(launch.Kernels, "_run_threads", layer)
    monkeypatch.setattr(launch.crew, "run_parts", crew)
    monkeypatch.setattr(launch, "WORTH_WAKING", 1e-9)
    return counts


@given(st.integers(1, 10_000), st.integers(1, 64), st.floats(0, 2))
def test_portions_are_all_blocks_once_and_become_smaller(blocks, threads, least):
    cuts = launch.portions(blocks, threads, least)
    assert cuts[0] == 0
    assert cuts[-1] == blocks
    sizes = np.diff(cuts)
    assert (sizes[1:] >= min(blocks, least * blocks)).all()
    assert (np.diff(sizes[1:]) >= 0).all()
    assert sizes[0] > 0


@pytest.fixture(scope="module")
def serial():
    with lossgen.threads("serial"):
        return results()


@pytest.mark.parametrize("count", [1, 2, 3, 4, "all"])
def test_results_have_the_same_bits_for_any_number_of_threads(count, serial, parallel_calls):
    with lossgen.threads(count):
        assert results() == serial
    expected = min(AVAILABLE, AVAILABLE if count == "all" else count)
    assert set(parallel_calls) == ({expected} if expected > 1 else set())


def test_small_calls_use_no_threads(parallel_calls):
    small = np.ones(launch.PARALLEL_FROM - 1)
    with lossgen.threads("all"):
        L.elementwise_case(small, small)
    assert parallel_calls == []


def test_numbas_own_setting_is_restored():
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with lossgen.threads("all"):
            results()
        assert numba.get_num_threads() == 1
    finally:
        numba.set_num_threads(before)


def test_a_short_call_wakes_nobody(monkeypatch, parallel_calls):
    with lossgen.threads(2):
        L.elementwise_case(X, Y)
        assert parallel_calls == [2]
        monkeypatch.setattr(launch, "WORTH_WAKING", 1e9)
        L.elementwise_case(X, Y)
    assert parallel_calls == [2]


def test_settings_nest_and_end(monkeypatch):
    monkeypatch.delenv("LOSSGEN_THREADS", raising=False)
    outside = settings.requested_threads(8)
    assert outside in (7, 1)  # one core stays free; serial where threads are not tested
    with lossgen.threads(3):
        assert settings.requested_threads(8) == 3
        with lossgen.threads("all"):
            assert settings.requested_threads(8) == 8
        with pytest.raises(ZeroDivisionError), lossgen.threads("serial"):
            1 / 0 if settings.requested_threads(8) == 1 else pytest.fail("not serial")
        assert settings.requested_threads(8) == 3
        assert settings.requested_threads(2) == 2
    assert settings.requested_threads(8) == outside


def test_a_plain_call_lasts_and_a_later_one_replaces_it(monkeypatch):
    monkeypatch.setattr(settings, "_active", [])
    for count in (5, 3, 4, 2):
        lossgen.threads(count)
        assert settings.requested_threads(8) == count
    assert len(settings._active) <= 2
    with lossgen.threads(6):
        assert settings.requested_threads(8) == 6
    assert settings.requested_threads(8) == 2


@pytest.mark.parametrize(("text", "count"), [("all", 8), ("serial", 1), ("3", 3), (" 4 ", 4), ("99", 8)])
def test_the_environment_variable(monkeypatch, text, count):
    monkeypatch.setattr(settings, "_active", [])
    monkeypatch.setenv("LOSSGEN_THREADS", text)
    assert settings.requested_threads(8) == count


@pytest.mark.parametrize("count", ["many", 0, -1, "2"])
def test_wrong_settings_are_refused(count):
    with pytest.raises(LossValueError, match='use "all", "serial" or a positive integer'):
        lossgen.threads(count)


def test_wrong_types_and_environments_are_refused(monkeypatch):
    for count in (1.5, True, None):
        with pytest.raises(LossTypeError, match="positive integer"):
            lossgen.threads(count)
    monkeypatch.setattr(settings, "_active", [])
    monkeypatch.setenv("LOSSGEN_THREADS", "-3")
    with pytest.raises(LossValueError, match="environment variable LOSSGEN_THREADS got -3"):
        settings.requested_threads(8)


def test_six_python_threads_agree(serial):
    found: list[list[bytes]] = []

    def work():
        with lossgen.threads(2):
            found.extend(results() for _ in range(5))

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()
    assert len(found) == 30
    assert all(result == serial for result in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("count", ["all", 2])
def test_a_forked_child_computes_the_same(count, serial, parallel_calls):
    with lossgen.threads(count):
        results()  # the parent's threads are alive
        child = os.fork()
        if child == 0:
            os._exit(0 if results() == serial else 3)
    deadline = time.monotonic() + 60
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the forked child hangs")
        time.sleep(0.01)
    assert status == 0
