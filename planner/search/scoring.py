"""Scores of whole layouts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from planner.executors.cluster import PER_TASK
from planner.problem import Problem
from planner.search.run import Run
from planner.search.space import Layout, Space
from simulator import Cancelled, InputError, Placement, Schedule, Serving, Workload, score_kernels, simulate
from simulator.arrays import F64, I64
from simulator.score_kernels import Traffic


@dataclass(frozen=True, eq=False)
class Scored:
    """A layout that was simulated to the end.

    Attributes:
        layout: the layout.
        good_at: int64 (K, M), requests in time of each model before each cut of the traffic.
        latency_s: float64 (M,), sum of the latencies of each model's requests that ran.
    """

    layout: Layout
    good_at: I64
    latency_s: F64

    @property
    def good(self) -> int:
        """Requests in time."""
        return int(self.good_at[-1].sum())


def score_layout(space: Space, layout: Layout, control: np.ndarray, traffic: Traffic | None = None) -> Scored | None:
    """Simulate the traffic (by default all of it) on a layout; None if stopped before the end."""
    traffic = traffic or space.traffic
    models, cuts = layout.holds.shape[1], traffic.cuts.size - 1
    good_at, latency_s = np.zeros((cuts, models), np.int64), np.zeros(models)
    done = score_kernels.score(
        layout.shape, layout.holds, np.ones(models, np.bool_), space.catalogue, traffic, space.rules, control,
        np.full(cuts, np.inf), good_at, np.zeros(layout.shape.size, np.int64), latency_s,
    )  # fmt: skip
    return Scored(layout, good_at, latency_s) if done else None


def score_each(run: Run, what: str, layouts: Iterable[Layout]) -> list[Scored]:
    """Score layouts on all that is planned for, offer each as the best so far, return them best first."""
    scored: list[Scored] = []
    for result in run.workers.each(
        ((score_layout, (run.space, layout, run.workers.control, run.traffic)) for layout in layouts), per_task=PER_TASK
    ):
        if result is not None:
            run.budget.spend(1)
            run.offer(what, result.layout, result.good)
            scored.append(result)
    return sorted(scored, key=lambda result: -result.good)


def begin_with(run: Run, placement: Placement) -> None:
    """Score the placement that the search was given and make it the first best; `run.start`.

    It is scored even where the limits are used up, so that nothing worse can become the answer.
    """
    run.budget.tally.phase = "score the given placement"
    layout, problem = run.space.layout(placement), run.space.problem
    if missing := problem.rules.broken(placement, problem.cluster):
        raise InputError(f"The placement to begin with breaks a rule: {missing[0]}.")
    scored = score_layout(run.space, layout, run.workers.control, run.traffic)
    assert scored is not None, "control is set by the workers alone, and they have no task yet"
    run.budget.spend(1)
    run.offer("the given placement", scored.layout, scored.good)
    run.start, run.pool.floor = scored, scored.good


def attainment(
    problem: Problem,
    placement: Placement | Schedule,
    workload: Workload,
    control: np.ndarray,
    serving: Serving | None = None,
) -> float | None:
    """The SLO attainment of a placement on some traffic under the problem's or other rules; None if stopped."""
    try:
        result = simulate(
            problem.models, placement, workload, serving or problem.serving, lambda _: not control[0]
        )  # fmt: skip
    except Cancelled:
        return None
    return result.slo_attainment
