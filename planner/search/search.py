"""The one function behind which all algorithms stand."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import replace
from threading import Thread
from typing import Any

from planner.executors.cluster import Machines
from planner.problem import Problem
from planner.search.baselines import fall_back, fall_back_on_the_beginning
from planner.search.bound import Bound, upper_bound
from planner.search.budget import LOST, Stopped
from planner.search.holding import choose
from planner.search.preparation import SEARCHING, prepare_everywhere
from planner.search.registry import configure, find_algorithm
from planner.search.result import Progress, SearchResult
from planner.search.run import Run, begin_run
from planner.search.scoring import attainment, begin_with
from planner.search.space import Space
from planner.search.training import check_held_out, hold_out, with_other_days
from planner.search.where import run_search
from simulator import InputError, Placement, Schedule, words
from simulator.headway import Headway, goes_on
from simulator.preparation import preparation_for

# Of a time limit, for testing on other days.
HELD_OUT_SHARE = 0.2
# Of a time limit, for the simulation of the answer where its score is not counted already: so much at least and at
# most. Requests that are simulated in a second, with and without batches, on one core.
SIMULATION_SHARE, MOST_SIMULATION_SHARE = 0.05, 0.5
BATCHED_PER_S, SIMULATED_PER_S = 2e6, 2e7
# The bound is computed beside the search; so long is waited for it after the end.
BOUND_GRACE_S = 0.1
# With fewer, what goes to another machine takes hardly longer there than its way there and back.
LEAST_REQUESTS = 20_000


class NoPlacement(InputError):
    """A search ended without a placement, so there is no figure; `stop_reason` as in SearchResult."""

    def __init__(self, title: str, stop_reason: str, has_rules: bool = False) -> None:
        why = {
            "cancelled": "was stopped before any placement was scored.",
            "done": "found no placement that holds a model: none fits the groups it uses.",
            "time limit": "had scored no placement when its time limit was reached; give it more time.",
            "evaluation limit": "had scored no placement when its evaluation limit was reached; allow more.",
            LOST: "had scored no placement when its cluster did not answer any more.",
        }[stop_reason]
        if has_rules and stop_reason == "done":
            why = "found no placement that keeps to the rules; there may be one with other groups."
        super().__init__(f"{title} {why}")
        self._given, self.stop_reason = (title, stop_reason, has_rules), stop_reason

    def __reduce__(self) -> tuple[type[NoPlacement], tuple[str, str, bool]]:
        return NoPlacement, self._given


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
    workers: int | None = None,
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
        executor: where placements are scored, with the interface of concurrent.futures; threads by default. Other
            machines (planner.executors) get what has LEAST_REQUESTS at least; less is done here. The
            functions handed to it release the GIL and share memory with the caller.
        held_out: resamplings of the traffic, never planned for, on which the placement is tested in the end.
        start: a placement that fits the problem, to begin with. Algorithms that improve step by step go on from it,
            and the answer of none scores below it.
        workers: placements to score at a time; by default PLANNER_WORKERS, or all processors. No answer depends on it
            but by the time limit.
        options: of the algorithm, see ALGORITHMS.

    Raises:
        NoPlacement: the search ended before any placement that holds a model was scored; the sentence says why.
        InputError: no model fits the cluster, `start` does not fit, or an unknown algorithm or a wrong option.
        Cancelled: `on_progress` returned False while the kernels were compiled, which no limit counts.
    """
    began_s = time.monotonic()

    def report(headway: Headway) -> bool:
        seconds = time.monotonic() - began_s
        return goes_on(on_progress, Progress(
            headway.phase or "start", evaluations=0, best_score=None, seconds=seconds, time_left_s=time_limit_s
        ))  # fmt: skip

    configure(algorithm, options)
    SEARCHING.wait(report)
    preparation_for(problem.serving).wait(report)
    if isinstance(executor, Machines) and len(problem.workload) < LEAST_REQUESTS:
        executor = None
    elif isinstance(executor, Machines):
        prepare_everywhere(executor, report)
    return run_search(
        find,
        problem,
        algorithm,
        seed,
        time_limit_s,
        max_evaluations=max_evaluations,
        executor=executor,
        held_out=held_out,
        start=start,
        workers=workers,
        on_progress=on_progress,
        **options,
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
    workers: int | None = None,
    **options: Any,
) -> SearchResult:
    """The search itself, with kernels that may still have to be compiled: see `search`."""
    chosen, configured = find_algorithm(algorithm), configure(algorithm, options)
    check_held_out(held_out)
    space, resamplings = Space(problem), getattr(configured, "resamplings", 0)
    bound = _in_background(upper_bound, problem)
    with begin_run(space, seed, time_limit_s, max_evaluations, on_progress, executor, workers) as run:
        stop_reason = "done"
        try:
            if resamplings:
                tasks = [(with_other_days, (problem, resamplings, seed))]
                (run.traffic,) = run.workers.each(tasks, abandon=True)
            if start is not None:
                begin_with(run, start)
            run.budget.keep_back(HELD_OUT_SHARE if held_out else 0.0)
            run.budget.keep_back(0.0 if _is_counted(run) else _simulation_share(problem, time_limit_s))
            chosen.function(run, configured)
        except Stopped as stopped:
            stop_reason = stopped.reason
            _rescue(run, stop_reason)
        run.budget.only_time()
        if stop_reason != "cancelled":
            choose(run)
        placement, score = _best(run, start, chosen.title, stop_reason)
        run.budget.only_time()
        partial = None
        if isinstance(placement, Schedule) and run.partial is not None:
            partial = f"This schedule is partial: {run.partial} before the end; its figure counts the rest too."
            run.notes.append(partial)
        tested = None
        if stop_reason != "cancelled":
            tested = hold_out(run, placement, held_out, resamplings)
        if run.workers.lost is not None:
            run.notes.append(run.workers.lost)
        return SearchResult(
            algorithm=algorithm,
            placement=placement,
            score=score,
            seconds=run.budget.tally.seconds,
            evaluations=run.budget.tally.evaluations,
            stop_reason=stop_reason,
            steps=tuple(run.incumbent.steps),
            notes=tuple(run.notes),
            held_out=tested,
            # A schedule may hold more models than fit at once, one after the other.
            bound=None if isinstance(placement, Schedule) else _ready(bound),
            partial=partial,
            is_weighted=any(weight != 1 for weight in problem.weights.values()),
        )


def _rescue(run: Run, stop_reason: str) -> None:
    """Where a limit came before anything was scored, answer with models dealt out in turn, and say so.

    Not for schedules, of which a single placement is no beginning, nor after Stop, by which nobody waits for anything.
    """
    if run.incumbent.placement is not None or run.partial is not None or stop_reason in ("cancelled", "done"):
        return
    run.budget.grace(stop_reason)
    said = f"The {stop_reason} came before the first placement of this algorithm; models are dealt out in turn"
    with suppress(Stopped):
        fall_back(run)
    if run.incumbent.placement is None:
        said += f", and the score is that of the first {words.plural(fall_back_on_the_beginning(run), 'request')}"
    if run.incumbent.placement is not None:
        run.notes.append(f"{said}.")


def _is_counted(run: Run) -> bool:
    """Whether the kernels' count is the simulator's: requests are served one by one, and no other days are counted."""
    workload = run.space.problem.workload
    space = run.space
    # Groups of several zones are in another order while they are counted, and ties between groups go by that.
    is_alike = len(space.zones) == 1 and not space.problem.weights
    is_single = space.problem.serving.max_batch_size == 1 and run.traffic is space.traffic
    return is_alike and is_single and len(workload) > 0


def _simulation_share(problem: Problem, time_limit_s: float | None) -> float:
    """Of the time limit, what the simulation of the answer takes, and half as much again; 0 where that is too much."""
    share = 1.5 * _simulation_s(problem) / (time_limit_s or math.inf)
    return max(share, SIMULATION_SHARE) if share <= MOST_SIMULATION_SHARE else 0.0


def _simulation_s(problem: Problem) -> float:
    """About how long the simulation of a placement takes."""
    return len(problem.workload) / (BATCHED_PER_S if problem.serving.max_batch_size > 1 else SIMULATED_PER_S)


def _best(run: Run, start: Placement | None, title: str, stop_reason: str) -> tuple[Placement | Schedule, float]:
    """The best placement and its score under the problem's own rules; raises if nothing was scored."""
    best = run.incumbent.placement
    counted = run.incumbent.score
    if best is None or counted is None:
        raise NoPlacement(title, stop_reason, not run.space.problem.rules.is_empty)
    if _is_counted(run) and not isinstance(best, Schedule):
        return replace(best, name=title), counted
    run.budget.grace(stop_reason)
    score = _simulated(run, best)
    if score is None:
        how = "counts windows one by one" if isinstance(best, Schedule) else "is that of requests served one by one"
        run.notes.append(f"No time was left to simulate the answer: its score {how}.")
        return replace(best, name=title), counted
    # Where requests have weights, the search has compared the two by them.
    start = None if run.space.problem.weights else start
    if start is not None and (given := _simulated(run, start)) is not None and given > score:
        best, score = start, given
        run.notes.append("Nothing better than the placement to begin with was found.")
    return replace(best, name=title), score


def _simulated(run: Run, placement: Placement | Schedule) -> float | None:
    """The attainment under the problem's own rules; None where the limits end the simulation."""
    problem, left_s = run.space.problem, run.budget.time_left_s
    if left_s is not None and left_s < _simulation_s(problem):
        return None
    scores: list[float | None] = []
    with suppress(Stopped):
        # What was finished before the end counts.
        scores.extend(run.workers.each([(attainment, (problem, placement, problem.workload, run.workers.control))]))
    return scores[0] if scores else None


def _in_background(function: Callable[[Problem], Bound], problem: Problem) -> Future[Bound]:
    """Start computing; nobody waits for the thread."""
    future: Future[Bound] = Future()

    def work() -> None:
        try:
            future.set_result(function(problem))
        except Exception as error:
            future.set_exception(error)

    Thread(target=work, daemon=True).start()
    return future


def _ready(future: Future[Bound]) -> Bound | None:
    try:
        return future.result(timeout=BOUND_GRACE_S)
    except TimeoutError:
        return None
