"""Who scores placements for a search: threads, or other machines."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from itertools import chain, islice
from typing import Any, TypeVar

import numpy as np

from planner.executors.cluster import Gone, Machines
from planner.search.budget import LOST, POLL_S, Budget, Stopped
from simulator import InputError

# Threads of a search, or points of a sweep at a time; by default every processor that this process may use.
WORKERS_VARIABLE = "PLANNER_WORKERS"
MAX_WORKERS = 256
# After Stop, or at the time limit, other machines are waited for no longer than this.
STOP_S = 0.7

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
    """What is done, and in which order results are taken, does not depend on how many there are, nor on where they are.

    Args:
        executor: where tasks are done, with the interface of concurrent.futures; threads by default. On other machines
            (Machines) they are done where there are two or more at a time, and here otherwise.
        count: of threads; by default PLANNER_WORKERS, or all processors.

    Attributes:
        control: int64 (1,); kernels stop soon after it is set.
        lost: why other machines do not do the work any more, a sentence; None while they do.
    """

    def __init__(self, budget: Budget, executor: Executor | None = None, count: int | None = None) -> None:
        self.budget, self.control = budget, np.zeros(1, dtype=np.int64)
        self.lost: str | None = None
        self._machines = executor if isinstance(executor, Machines) else None
        self._count = worker_count() if count is None else count
        self._own = None if executor is not None and self._machines is None else ThreadPoolExecutor(self._count)
        self._executor = self._own or executor
        if self._machines is not None:
            self._machines.follow(self.control)

    def close(self) -> None:
        """Stop what is under way; threads of our own end."""
        self.control[0] = 1
        if self._machines is not None:
            self._machines.forget(self.control)
        if self._own is not None:
            self._own.shutdown(wait=False)

    def take_long_ones(self, count: int) -> bool:
        """Whether so many tasks, all of which have to end before others begin, had better be long: each has its own
        thread, or goes to another machine. With fewer threads short ones leave none without work either, and tell
        sooner how far they are.
        """
        return self._machines is not None or count <= 2 * self._count

    def each(self, tasks: Iterable[Task[Result]], abandon: bool = False, per_task: int = 1) -> Iterator[Result]:
        """Results of (function, arguments) in order, several at a time in other threads.

        When a condition ends the search nothing more is begun, `control` is set and Stopped is raised. Where that is
        urgent, what was under way is yielded before; otherwise it is dropped, so that the answer is that of a single
        worker.

        Args:
            abandon: what is under way at the end is not waited for, because it works for long without looking at
                `control` and changes nothing that others read.
            per_task: so many go to another machine together, because each takes milliseconds.
        """
        waiting: deque[Future[list[Result]]] = deque()
        stopped: Stopped | None = None
        left = iter(tasks)
        first = list(islice(left, 2))
        left, machines = chain(first, left), self._machines if len(first) > 1 else None
        at_a_time = self._count if machines is None else machines.at_a_time
        try:
            while True:
                while stopped is None and len(waiting) < at_a_time:
                    batch = list(islice(left, 1 if machines is None else per_task))
                    if not batch:
                        break
                    waiting.append(self._begin(machines, batch))
                if not waiting:
                    break
                stopped = self._wait(waiting[0], stopped, abandon, machines)
                if not waiting[0].done():
                    break
                for result in self._results(waiting.popleft()):
                    yield result
                    stopped = stopped or self._look()
                    if stopped is not None and not stopped.urgent:
                        break
                if stopped is not None and not stopped.urgent:
                    break
        finally:
            self._drop(waiting, abandon, machines)
        if stopped is not None:
            raise stopped

    def _begin(self, machines: Machines | None, batch: list[Task[Result]]) -> Future[list[Result]]:
        executor = machines or self._executor
        assert executor is not None, "without an executor there are threads of our own"
        try:
            return executor.submit(in_turn, batch)
        except Gone as gone:
            raise self._without(gone) from None

    def _results(self, future: Future[list[Result]]) -> list[Result]:
        try:
            return future.result()
        except Gone as gone:
            raise self._without(gone) from None

    def _without(self, gone: Gone) -> Stopped:
        """What ends the search where other machines are gone; what comes after it is done here."""
        self.lost, self._machines = str(gone), None
        return Stopped(LOST)

    def _drop(self, waiting: Collection[Future[Any]], abandon: bool, machines: Machines | None) -> None:
        """End what is under way and not wanted any more; `control` is ready for what comes next."""
        left = [future for future in waiting if not future.cancel()]
        if machines is not None:
            # Nobody reads what is written there, so nobody waits; flags stay set there, so another one comes after it.
            if waiting:
                machines.stop(self.control)
        elif left and abandon:
            # Who was abandoned keeps a control that stays set.
            self.control[0] = 1
            self.control = np.zeros(1, dtype=np.int64)
        elif left:
            self.control[0] = 1
            wait(left)
        if self._machines is not None and self.control[0]:
            self._machines.forget(self.control)
            self.control = np.zeros(1, dtype=np.int64)
            self._machines.follow(self.control)
        self.control[0] = 0

    def _wait(
        self, future: Future[Any], stopped: Stopped | None, abandon: bool, machines: Machines | None
    ) -> Stopped | None:
        until_s = math.inf
        while True:
            left_s = self.budget.time_left_s
            wait([future], timeout=POLL_S if not left_s else min(POLL_S, left_s))
            if future.done():
                return stopped
            stopped = self._look() or stopped
            if stopped is None or not stopped.urgent:
                continue
            until_s = min(until_s, time.monotonic() + STOP_S)
            if abandon or (machines is not None and time.monotonic() > until_s):
                return stopped

    def _look(self) -> Stopped | None:
        try:
            self.budget.check()
        except Stopped as stopped:
            if stopped.urgent and self._machines is not None and not self.control[0]:
                self._machines.stop(self.control)
            elif stopped.urgent:
                self.control[0] = 1
            return stopped
        return None


def in_turn(tasks: Iterable[Task[Result]]) -> list[Result]:
    """Results of (function, arguments), one after the other."""
    return [function(*arguments) for function, arguments in tasks]


class InTurn:
    """The same within a task of its own: one after the other, in the calling thread.

    Attributes:
        control: int64 (1,), of whoever waits for the task; never reset here.
        lost: see Workers.
    """

    lost: str | None = None

    def __init__(self, budget: Budget, control: np.ndarray) -> None:
        self.budget, self.control = budget, control

    def close(self) -> None:
        """Nothing is under way."""

    def take_long_ones(self, count: int) -> bool:
        """See `Workers.take_long_ones`; nobody is told how far they are."""
        return True

    def each(self, tasks: Iterable[Task[Result]], abandon: bool = False, per_task: int = 1) -> Iterator[Result]:
        """See `Workers.each`."""
        for function, arguments in tasks:
            yield function(*arguments)
            self.budget.check()
