"""Who evaluates points: threads on this machine, or other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from planner.compare import PlacementOutcome
from planner.executors.cluster import PER_TASK, Machines
from planner.search.workers import worker_count
from simulator import Cancelled

if TYPE_CHECKING:
    from planner.what_if.points import Asked, Evaluator, PointResult

Result = TypeVar("Result")


@contextmanager
def pool_of(executor: Executor | None) -> Iterator[Executor]:
    """The executor; threads of our own where there is none."""
    if executor is not None:
        yield executor
        return
    with ThreadPoolExecutor(worker_count()) as pool:
        yield pool


def begin(
    pool: Executor, evaluator: Evaluator, asked: Sequence[Asked], is_busy: bool
) -> dict[Future[list[PointResult]], Sequence[Asked]]:
    """Begin to evaluate points, each with those it begins with. is_busy: whether others are under way."""
    if not isinstance(pool, Machines):
        return {pool.submit(evaluator.evaluate_each, [one]): [one] for one in asked}
    if len(asked) == 1 and not is_busy:
        # Alone, a search is spread over the machines itself.
        return {_here(partial(evaluator.evaluate_each, asked, pool)): asked}
    # Searches last long enough to go one by one; only their placements are needed there, not every request.
    quick = [one for one in asked if one[0].section.search is None]
    batches: list[Sequence[Asked]] = [[one] for one in asked if one[0].section.search is not None]
    batches += [quick[at : at + PER_TASK] for at in range(0, len(quick), PER_TASK)]
    pool.follow(evaluator.control)
    return {
        pool.submit(_evaluate_there, evaluator, [(p, [_light(r) for r in before]) for p, before in batch]): batch
        for batch in batches
    }


def _evaluate_there(evaluator: Evaluator, asked: Sequence[Asked]) -> list[PointResult]:
    """On another machine: nothing after `stop`, because an error would be logged by whoever stopped it."""
    try:
        return evaluator.evaluate_each(asked)
    except Cancelled:
        return []


def _here(work: Callable[[], Result]) -> Future[Result]:
    """Work that is done in a thread of its own."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def _light(result: PointResult) -> PointResult:
    outcome = result.outcome
    return replace(result, outcome=outcome.without_requests) if isinstance(outcome, PlacementOutcome) else result
