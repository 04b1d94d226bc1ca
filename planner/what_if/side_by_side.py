"""Simulations that do not need each other: on other machines where there are some, else here, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import TypeVar

from planner.executors.cluster import Gone, Machines
from planner.search.budget import Asked, Budget, Stopped
from planner.search.workers import Task, Workers
from simulator import Cancelled

Result = TypeVar("Result")
# Less than this together is simulated before other machines have answered.
LEAST_SIMULATED = 3_000_000


def side_by_side(
    tasks: Sequence[Task[Result]], requests: int, executor: Executor | None, goes_on: Callable[[], bool]
) -> Iterator[Result]:
    """Results of (function, arguments), in order.

    Args:
        requests: how many are simulated in all; fewer than LEAST_SIMULATED are simulated here.
        goes_on: asked before every task, or every 20 ms while other machines work.

    Raises Cancelled once it says no, Gone where other machines are gone.
    """
    if not isinstance(executor, Machines) or requests < LEAST_SIMULATED:
        for function, arguments in tasks:
            if not goes_on():
                raise Cancelled
            yield function(*arguments)
        return
    workers = Workers(Budget(None, None, Asked(goes_on)), executor)
    try:
        # Whoever has the last one is not asked any more.
        yield from islice(workers.each(tasks, abandon=True), len(tasks))
    except Stopped:
        raise Cancelled if workers.lost is None else Gone(workers.lost) from None
    finally:
        workers.close()
