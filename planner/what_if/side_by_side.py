"""Pieces of work that do not need each other: on other machines where there are some, else here, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from planner.executors.cluster import Gone, Machines
from planner.search.budget import Asked, Budget, Stopped
from planner.search.workers import Task, Workers
from simulator import Cancelled
from simulator.headway import Headway, OnProgress

Result = TypeVar("Result")
# Less than this together is simulated before other machines have answered.
LEAST_SIMULATED = 3_000_000


def side_by_side(
    tasks: Callable[[OnProgress], Iterable[Task[Result]]],
    count: int,
    requests: int,
    executor: Executor | None,
    goes_on: Callable[[], bool],
) -> Iterator[Result]:
    """Results of (function, arguments), in order.

    Args:
        tasks: given what a task that lasts asks now and then whether anybody still waits for it.
        count: how many tasks. requests: how many are simulated in all; fewer than LEAST_SIMULATED are simulated here.
        goes_on: asked before every task, or every 20 ms while other machines work.

    Raises Cancelled once it says no, Gone where other machines are gone.
    """
    if not isinstance(executor, Machines) or requests < LEAST_SIMULATED:
        for function, arguments in tasks(lambda _: goes_on()):
            if not goes_on():
                raise Cancelled
            yield function(*arguments)
        return
    workers = Workers(Budget(None, None, Asked(goes_on)), executor)
    try:
        sent = ((_unless_stopped, task) for task in tasks(_Wanted(workers.control)))
        # Whoever has the last one is not asked any more, and nobody reads what a task gives that was stopped.
        results = islice(workers.each(sent, abandon=True), count)
        yield from (result for result in results if result is not None)
    except Stopped:
        raise Cancelled if workers.lost is None else Gone(workers.lost) from None
    finally:
        workers.close()


@dataclass(frozen=True, eq=False)
class _Wanted:
    """What a task on another machine asks; the flag has a twin there."""

    control: np.ndarray

    def __call__(self, _: Headway) -> bool:
        return self.control[0] == 0


def _unless_stopped(function: Callable[..., Result], arguments: tuple) -> Result | None:
    """None after Stop, because an error would be logged by whoever stopped it."""
    with suppress(Cancelled):
        return function(*arguments)
    return None
