"""A search under way: its limits, its progress, the best so far, and the threads that work for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import numpy as np

from planner.search.result import Alternative, Progress, Step
from planner.search.space import Layout, Space
from simulator import InputError, Placement, Schedule

if TYPE_CHECKING:
    from planner.search.scoring import Scored

# Fixed, not the number of processors: the same seed gives the same answer on every machine.
WORKERS = 2
POLL_S = 0.02
MAX_ALTERNATIVES = 8


class Stopped(Exception):
    """A limit was reached or the user asked to stop; `reason` is the stop reason of the result."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Run:
    """What an algorithm works with.

    Attributes:
        space: the problem as arrays.
        seed: for whatever is random.
        control: int64 (1,); kernels stop soon after it is set.
        evaluations: placements scored so far.
        best: the best placement so far; best_score: its attainment, 0..1; layout: the same as arrays, if it is one.
        start: the placement that the search was given to begin with, scored; None if there is none.
        steps, notes: the history, and sentences worth telling.
    """

    def __init__(
        self,
        space: Space,
        seed: int = 0,
        time_limit_s: float | None = None,
        max_evaluations: int | None = None,
        on_progress: Callable[[Progress], bool | None] | None = None,
        executor: Executor | None = None,
    ) -> None:
        if time_limit_s is not None and not time_limit_s > 0:
            raise InputError(f"time_limit_s is {time_limit_s}; a number above 0 is allowed.")
        if max_evaluations is not None and not max_evaluations > 0:
            raise InputError(f"max_evaluations is {max_evaluations}; a whole number above 0 is allowed.")
        self.space, self.seed = space, seed
        self.time_limit_s, self.max_evaluations, self.on_progress = time_limit_s, max_evaluations, on_progress
        self.control = np.zeros(1, dtype=np.int64)
        self.start: Scored | None = None
        self.phase, self.evaluations = "start", 0
        self.best: Placement | Schedule = Placement(())
        self.best_score, self.layout = 0.0, space.empty([])
        self.steps: list[Step] = []
        self.notes: list[str] = list(space.notes())
        self._began_s = time.monotonic()
        self._reported_s = -np.inf
        self._own_executor = ThreadPoolExecutor(WORKERS) if executor is None else None
        self._executor = executor or self._own_executor

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.control[0] = 1
        if self._own_executor is not None:
            self._own_executor.shutdown()

    @property
    def seconds(self) -> float:
        """Since the search began."""
        return time.monotonic() - self._began_s

    @property
    def time_left_s(self) -> float | None:
        """Until the time limit, never below 0; None without one."""
        return None if self.time_limit_s is None else max(self.time_limit_s - self.seconds, 0.0)

    @property
    def evaluations_left(self) -> int:
        """Until the limit; a very large number without one."""
        return (1 << 60) if self.max_evaluations is None else max(self.max_evaluations - self.evaluations, 0)

    def share(self, good: int) -> float:
        """Requests in time as an attainment, 0..1."""
        return good / max(len(self.space.problem.workload), 1)

    def enter(self, phase: str) -> None:
        """Begin another phase."""
        self.phase = phase
        self.check(report=True)

    def check(self, report: bool = False) -> None:
        """Report progress when it is due; raise Stopped if a limit is reached or the user wants to stop."""
        if self.evaluations_left == 0:
            raise Stopped("evaluation limit")
        if self.time_left_s == 0:
            raise Stopped("time limit")
        if report or self.seconds - self._reported_s >= POLL_S:
            self.report()

    def report(self) -> None:
        """Tell the user; raise Stopped if the answer is False."""
        self._reported_s = self.seconds
        if self.on_progress is not None:
            progress = Progress(self.phase, self.evaluations, self.best_score, self.seconds, self.time_left_s)
            if self.on_progress(progress) is False:
                raise Stopped("cancelled")

    def offer(self, what: str, layout: Layout, good: int, alternatives: Iterable[Alternative] = ()) -> bool:
        """Take a scored layout as the best so far and record the step, if it is better."""
        score = self.share(good)
        if self.steps and score <= self.best_score:
            return False
        self.adopt(what, layout, score, alternatives)
        return True

    def adopt(self, what: str, layout: Layout, score: float, alternatives: Iterable[Alternative] = ()) -> None:
        """Take a layout as the best so far, whatever was there before, and record the step."""
        self.layout = layout.copy()
        self.record(what, self.space.placement(layout), score, alternatives)

    def record(
        self, what: str, placement: Placement | Schedule, score: float, alternatives: Iterable[Alternative] = ()
    ) -> None:
        """Take a placement as the best so far and record the step."""
        self.best, self.best_score = placement, score
        top = sorted(alternatives, key=lambda a: -a.score)[:MAX_ALTERNATIVES]
        last = placement.epochs[-1][1] if isinstance(placement, Schedule) else placement
        self.steps.append(Step(self.phase, what, last, score, self.seconds, self.evaluations, tuple(top)))

    def each(self, tasks: Iterable[tuple[Callable, tuple]]) -> Iterator:
        """Results of (function, arguments) in order, WORKERS at a time in other threads.

        When a limit is reached or the user stops, `control` is set, what was under way is still yielded, and then
        Stopped is raised.
        """
        waiting: list[Future] = []
        stopped: Stopped | None = None
        tasks = iter(tasks)
        while True:
            while stopped is None and len(waiting) < WORKERS and (task := next(tasks, None)) is not None:
                waiting.append(self._executor.submit(task[0], *task[1]))
            if not waiting:
                break
            stopped = stopped or self._wait(waiting[0])
            yield waiting.pop(0).result()
            if stopped is None:
                try:
                    self.check()
                except Stopped as reason:
                    stopped = self._halt(reason)
        if stopped is not None:
            self.control[0] = 0
            raise stopped

    def _wait(self, future: Future) -> Stopped | None:
        while True:
            left_s = POLL_S if self.time_left_s is None else min(POLL_S, self.time_left_s)
            wait([future], timeout=left_s)
            if future.done():
                return None
            try:
                self.check()
            except Stopped as reason:
                return self._halt(reason)

    def _halt(self, reason: Stopped) -> Stopped:
        self.control[0] = 1
        return reason
