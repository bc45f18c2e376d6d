"""Tasks that threads share are all done, once, and leave nothing behind."""

import gc
import threading
import time
import weakref
from functools import partial

import numpy as np
import pytest

from lossgen.runtime.crew import share


def test_every_task_is_done_once_whoever_asks():
    done: list[tuple[int, int]] = []

    def ask(name):
        for _ in range(50):
            share([partial(done.append, (name, task)) for task in range(7)], 3)

    askers = [threading.Thread(target=ask, args=(name,)) for name in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
        assert not asker.is_alive()
    assert sorted(done) == sorted((name, task) for name in range(4) for task in range(7) for _ in range(50))


def test_work_of_others_is_over_when_the_call_returns():
    begun, finished = threading.Event(), []

    def slow():
        begun.set()
        time.sleep(0.05)
        finished.append(True)

    share([slow, partial(begun.wait, 10)], 2)  # the last is begun first
    assert finished == [True]


def test_an_error_reaches_the_caller_after_all_tasks():
    done = []

    def wrong():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        share([partial(done.append, 1), wrong, partial(done.append, 2)], 2)
    assert sorted(done) == [1, 2]


def test_no_thread_keeps_an_array_alive():
    array = np.ones(3)
    held = weakref.ref(array)
    share([partial(np.add, array, 1)] * 8, 3)
    del array
    gc.collect()
    assert held() is None
