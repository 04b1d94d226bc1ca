"""The threads that score placements for a search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import numpy as np

from planner.search.budget import POLL_S, Budget, Stopped

# Fixed, not the number of processors: the same seed gives the same answer on every machine.
WORKERS = 2

Result = TypeVar("Result")
# A function and its arguments.
Task = tuple[Callable[..., Result], tuple[Any, ...]]


class Workers:
    """Attributes:
    control: int64 (1,); kernels stop soon after it is set.
    """

    def __init__(self, budget: Budget, executor: Executor | None = None) -> None:
        self.budget, self.control = budget, np.zeros(1, dtype=np.int64)
        self._owns_executor = executor is None
        self._executor = executor or ThreadPoolExecutor(WORKERS)

    def close(self) -> None:
        """Stop what is under way; threads of our own end."""
        self.control[0] = 1
        if self._owns_executor:
            self._executor.shutdown(wait=False)

    def each(self, tasks: Iterable[Task[Result]], abandon: bool = False) -> Iterator[Result]:
        """Results of (function, arguments) in order, WORKERS at a time in other threads.

        When a condition ends the search nothing more is begun; where it is urgent, `control` is set. What was under
        way is still yielded, and then Stopped is raised.

        Args:
            abandon: what is under way at an urgent end is not waited for, because it works for long without looking at
                `control` and changes nothing that others read.
        """
        waiting: list[Future[Result]] = []
        stopped: Stopped | None = None
        left = iter(tasks)
        while True:
            while stopped is None and len(waiting) < WORKERS and (task := next(left, None)) is not None:
                waiting.append(self._executor.submit(task[0], *task[1]))
            if not waiting:
                break
            stopped = self._wait(waiting[0], stopped, abandon)
            if not waiting[0].done():
                break
            yield waiting.pop(0).result()
            stopped = stopped or self._look()
        if stopped is not None:
            if waiting:
                # Who was abandoned keeps a control that stays set.
                self.control = np.zeros(1, dtype=np.int64)
            self.control[0] = 0
            raise stopped

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
