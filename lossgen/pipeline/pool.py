"""Pieces of work in processes, none of which outlives this one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import TypeVar

from lossgen.errors import LossError

__all__ = ["Progress", "in_processes"]

Task = TypeVar("Task")
Result = TypeVar("Result")
# Called with what is done, the number done and the number of all.
Progress = Callable[[str, int, int], None]


def in_processes(
    work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int | None
) -> Iterator[tuple[Task, Result]]:
    """Yield each task and what `work` returns for it, when it is done; in this process if one is enough."""
    workers = min(jobs or os.cpu_count() or 1, len(tasks))
    if workers <= 1:
        yield from ((task, work(task)) for task in tasks)
        return
    # Fresh processes: a forked one would inherit threads that do not run in it.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker) as pool:
        with _deaf_children():
            futures = {pool.submit(work, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise LossError(
                "a process of the build was killed, perhaps for want of memory: try --jobs 1"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Let processes that are started here ignore interrupts, which reach every process of a terminal.

    The parent decides what an interrupt means; it gets one that comes meanwhile at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    # A worker whose parent was killed would wait for its next task for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
