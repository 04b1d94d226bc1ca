"""The threads that score placements for a search."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import numpy as np

from planner.search.budget import POLL_S, Budget, Stopped
from simulator import InputError

# Threads of a search, or points of a sweep at a time; by default every processor that this process may use.
WORKERS_VARIABLE = "PLANNER_WORKERS"
MAX_WORKERS = 256

Result = TypeVar("Result")
# A function and its arguments.
Task = tuple[Callable[..., Result], tuple[Any, ...]]


def worker_count() -> int:
    """How much is done at a time on this machine; raises InputError where PLANNER_WORKERS is no such number."""
    given = os.environ.get(WORKERS_VARIABLE, "")
    if not given:
        return min(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MAX_WORKERS
        )
    if not given.isdecimal() or not 1 <= int(given) <= MAX_WORKERS:
        raise InputError(f"{WORKERS_VARIABLE} is '{given}'; a whole number from 1 to {MAX_WORKERS} is allowed.")
    return int(given)


class Workers:
    """What is done, and in which order results are taken, does not depend on how many there are.

    Attributes:
        control: int64 (1,); kernels stop soon after it is set.
    """

    def __init__(self, budget: Budget, executor: Executor | None = None, count: int | None = None) -> None:
        self.budget, self.control = budget, np.zeros(1, dtype=np.int64)
        self._count = worker_count() if count is None else count
        self._owns_executor = executor is None
        self._executor = executor or ThreadPoolExecutor(self._count)

    def close(self) -> None:
        """Stop what is under way; threads of our own end."""
        self.control[0] = 1
        if self._owns_executor:
            self._executor.shutdown(wait=False)

    def each(self, tasks: Iterable[Task[Result]], abandon: bool = False) -> Iterator[Result]:
        """Results of (function, arguments) in order, several at a time in other threads.

        When a condition ends the search nothing more is begun, `control` is set and Stopped is raised. Where that is
        urgent, what was under way is yielded before; otherwise it is dropped, so that the answer is that of a single
        worker.

        Args:
            abandon: what is under way at the end is not waited for, because it works for long without looking at
                `control` and changes nothing that others read.
        """
        waiting: deque[Future[Result]] = deque()
        stopped: Stopped | None = None
        left = iter(tasks)
        try:
            while True:
                while stopped is None and len(waiting) < self._count and (task := next(left, None)) is not None:
                    waiting.append(self._executor.submit(task[0], *task[1]))
                if not waiting:
                    break
                stopped = self._wait(waiting[0], stopped, abandon)
                if not waiting[0].done():
                    break
                yield waiting.popleft().result()
                stopped = stopped or self._look()
                if stopped is not None and not stopped.urgent:
                    break
        finally:
            self._drop(waiting, abandon)
        if stopped is not None:
            raise stopped

    def _drop(self, waiting: Collection[Future[Any]], abandon: bool) -> None:
        """End what is under way and not wanted any more; `control` is ready for what comes next."""
        left = [future for future in waiting if not future.cancel()]
        if left and abandon:
            # Who was abandoned keeps a control that stays set.
            self.control[0] = 1
            self.control = np.zeros(1, dtype=np.int64)
        elif left:
            self.control[0] = 1
            wait(left)
        self.control[0] = 0

    def _wait(self, future: Future[Any], stopped: Stopped | None, abandon: bool) -> Stopped | None:
        while True:
            left_s = self.budget.time_left_s
            wait([future], timeout=POLL_S if not left_s else min(POLL_S, left_s))
            if future.done():
                return stopped
            stopped = self._look() or stopped
            if abandon and stopped is not None and stopped.urgent:
                return stopped

    def _look(self) -> Stopped | None:
        try:
            self.budget.check()
        except Stopped as stopped:
            if stopped.urgent:
                self.control[0] = 1
            return stopped
        return None


class InTurn:
    """The same within a task of its own: one after the other, in the calling thread.

    Attributes:
        control: int64 (1,), of whoever waits for the task; never reset here.
    """

    def __init__(self, budget: Budget, control: np.ndarray) -> None:
        self.budget, self.control = budget, control

    def close(self) -> None:
        """Nothing is under way."""

    def each(self, tasks: Iterable[Task[Result]], abandon: bool = False) -> Iterator[Result]:
        """See `Workers.each`."""
        for function, arguments in tasks:
            yield function(*arguments)
            self.budget.check()
