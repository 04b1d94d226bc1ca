"""The one function behind which all algorithms stand."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from planner.problem import Problem
from planner.search.bound import upper_bound
from planner.search.preparation import SEARCHING
from planner.search.registry import find_algorithm
from planner.search.result import Progress, SearchResult
from planner.search.run import Run, Stopped
from planner.search.scoring import begin_with
from planner.search.space import Space
from planner.search.training import hold_out
from simulator import Placement, Schedule, simulate


def search(
    problem: Problem,
    algorithm: str = "alpaserve",
    seed: int = 0,
    time_limit_s: float | None = None,
    on_progress: Callable[[Progress], bool | None] | None = None,
    max_evaluations: int | None = None,
    executor: Executor | None = None,
    held_out: int = 0,
    start: Placement | None = None,
    **options: Any,
) -> SearchResult:
    """Find a placement that finishes many requests in time.

    Args:
        problem: models, cluster, traffic, serving rules. Batches are left out of account while searching, as the
            authors do; the final score is simulated with them.
        algorithm: one of ALGORITHMS.
        seed: of everything random. With the same seed and `max_evaluations` the answer is the same.
        time_limit_s: seconds after which the best so far is returned.
        on_progress: called about every 20 ms in the calling thread; when it returns False the search stops and the
            best so far is returned.
        max_evaluations: placements to score at most; filling one placement may overrun it.
        executor: where placements are scored, with the interface of concurrent.futures; threads by default. The
            functions handed to it release the GIL and share memory with the caller.
        held_out: resamplings of the traffic, never planned for, on which the placement is tested in the end.
        start: a placement that fits the problem, to begin with. Algorithms that improve step by step go on from it,
            and the answer of none scores below it.
        options: of the algorithm, see ALGORITHMS.

    Raises:
        InputError: no model fits the cluster, `start` does not fit, or an unknown algorithm or a wrong option.
        Cancelled: `on_progress` returned False while the kernels were compiled, which no limit counts.
    """
    began_s = time.monotonic()

    def report(words: str) -> bool | None:
        progress = Progress(words or "start", 0, 0.0, time.monotonic() - began_s, time_limit_s)
        return None if on_progress is None else on_progress(progress)

    find_algorithm(algorithm)
    SEARCHING.wait(report)
    return find(
        problem, algorithm, seed, time_limit_s, on_progress, max_evaluations, executor, held_out, start, **options
    )


def find(
    problem: Problem,
    algorithm: str,
    seed: int = 0,
    time_limit_s: float | None = None,
    on_progress: Callable[[Progress], bool | None] | None = None,
    max_evaluations: int | None = None,
    executor: Executor | None = None,
    held_out: int = 0,
    start: Placement | None = None,
    **options: Any,
) -> SearchResult:
    """The search itself, with kernels that may still have to be compiled: see `search`."""
    chosen = find_algorithm(algorithm)
    space = Space(problem)
    with Run(space, seed, time_limit_s, max_evaluations, on_progress, executor) as run:
        stop_reason = "done"
        try:
            if start is not None:
                begin_with(run, start)
            chosen.start(run, algorithm, options)
        except Stopped as stopped:
            stop_reason = stopped.reason
        placement = replace(run.best, name=chosen.title)
        result = simulate(problem.models, placement, problem.workload, problem.serving)
        if start is not None:
            given = simulate(problem.models, start, problem.workload, problem.serving)
            if given.slo_attainment > result.slo_attainment:
                placement, result = replace(start, name=chosen.title), given
                run.notes.append("Nothing better than the placement to begin with was found.")
        return SearchResult(
            algorithm=algorithm,
            placement=placement,
            score=result.slo_attainment,
            seconds=run.seconds,
            evaluations=run.evaluations,
            stop_reason=stop_reason,
            steps=tuple(run.steps),
            notes=tuple(run.notes),
            held_out=hold_out(problem, placement, held_out, options.get("resamplings", 0), seed),
            # A schedule may hold more models than fit at once, one after the other.
            bound=None if isinstance(placement, Schedule) else upper_bound(problem),
        )
