"""Python threads that share the tasks of a call: quiet while they wait, safe under fork and under each other.

The caller works too and never waits for a thread that has not begun: where the machine is busy, it does all.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue

__all__ = ["share"]

# Seconds that a caller looks for the end of a call before it sleeps.
PATIENCE = 150e-6

Task = Callable[[], None]


class _Job:
    """Tasks that several threads take from one list."""

    __slots__ = ("_done", "_error", "_left", "_lock", "_tasks")

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = list(tasks)
        self._left = len(self._tasks)
        self._lock = threading.Lock()
        self._done = threading.Lock()
        self._done.acquire()
        self._error: BaseException | None = None

    def work(self) -> None:
        """Do tasks until none is left to begin."""
        while True:
            try:
                task = self._tasks.pop()
            except IndexError:
                return
            try:
                task()
            except BaseException as error:  # handed to the caller, who is another thread
                self._error = error
            del task  # it holds arrays of the user
            with self._lock:
                self._left -= 1
                last = self._left == 0
            if last:
                self._done.release()

    def wait(self) -> None:
        """Wait for the tasks that other threads have begun; raise what a task has raised."""
        # A thread that sleeps takes as long to wake as the last pieces take: look a little while.
        until = time.perf_counter() + PATIENCE
        while not self._done.acquire(blocking=False):
            if time.perf_counter() > until:
                self._done.acquire()
                break
            time.sleep(0)
        if self._error is not None:
            raise self._error


class _Crew:
    """Threads that are started when they are first needed."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._size = 0

    def help(self, job: _Job, helpers: int) -> None:
        """Offer a job to that many threads."""
        if self._size < helpers:
            with self._lock:
                while self._size < helpers:
                    name = f"lossgen-{self._size}"
                    threading.Thread(target=_serve, args=(self._jobs,), name=name, daemon=True).start()
                    self._size += 1
        for _ in range(helpers):
            self._jobs.put(job)


def _serve(jobs: SimpleQueue[_Job]) -> None:
    while True:
        jobs.get().work()


_crew = _Crew()


def _start_anew() -> None:
    # A forked child has none of its parent's threads.
    global _crew
    _crew = _Crew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def share(tasks: Sequence[Task], threads: int) -> None:
    """Do all tasks, in any order, in up to `threads` threads, of which the caller is one."""
    job = _Job(tasks)
    _crew.help(job, min(threads, len(tasks)) - 1)
    job.work()
    job.wait()
