"""A plan made on one stretch of traffic, tested on two others (figure 14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from planner.problem import Problem
from planner.search import search
from simulator import Cluster, Model, Placement, Workload, serving_preset, simulate
from simulator.arrivals import gamma_workload
from simulator.catalogue import builtin_catalogue

MODELS, DEVICES, MEMORY_GIB, RATE_PER_S, STAGES = 12, 8, 13.0, 16.0, 4
# Each stretch stands for an hour; Clockwork++ plans anew so often in it.
WINDOWS = 5
STRETCH_S = 150.0
WINDOW_S = STRETCH_S / WINDOWS
HOURS = ("A", "B", "C")
PLANS = ("replicas", "Clockwork++", "pipelines")
SERVING = serving_preset("published")


@dataclass(frozen=True, eq=False)
class Tested:
    """Deadlines met by every plan of PLANS in every stretch of HOURS, float64 (plans, hours), 0..1.

    stages: of the pipelines. held: models that one of them holds, on average. window_s: Clockwork++ plans so often.
    """

    met: np.ndarray
    stages: int
    held: float
    window_s: float = WINDOW_S


def run_hours(drift: float, cv: float, slo_scale: float) -> Tested:
    """Plan on hour A, test on all.

    drift: how much of the models' popularity is another in the later hours, 0..1.
    """
    hours = [_traffic(hour, drift if hour else 0.0, cv) for hour in range(len(HOURS))]
    return try_plans([_problem(hour, slo_scale) for hour in hours], WINDOW_S, STAGES)


def try_plans(hours: Sequence[Problem], window_s: float, stages: int) -> Tested:
    """Plan on the first of some problems that differ in their requests, test on all.

    stages: of the pipelines. Clockwork++ plans every window of each on that window's own requests. Raises NoPlacement
    where nothing fits.
    """
    plans = [_plan(hours[0], "selective_replication"), _plan(hours[0], "uniform", pp=stages, tp=1)]
    fixed = [
        [simulate(hour.models, plan, hour.workload, hour.serving).slo_attainment for hour in hours] for plan in plans
    ]
    clockwork = [search(hour, "clockwork", window_s=window_s).score for hour in hours]
    held = plans[1].replicas / len(plans[1].groups)
    return Tested(np.array([fixed[0], clockwork, fixed[1]]), plans[1].groups[0].pp, held, window_s)


def _plan(problem: Problem, algorithm: str, **options: Any) -> Placement:
    found = search(problem, algorithm, **options).placement
    assert isinstance(found, Placement), "only Clockwork++ gives placements over time"
    return found


def _problem(workload: Workload, slo_scale: float) -> Problem:
    return Problem(_models(slo_scale), Cluster(DEVICES, MEMORY_GIB), workload, SERVING)


def _models(slo_scale: float) -> tuple[Model, ...]:
    profile = builtin_catalogue()["bert-2.6b"]
    return tuple(Model.with_slo_scale(f"model {i + 1}", profile, slo_scale) for i in range(MODELS))


@lru_cache(maxsize=32)
def _traffic(hour: int, drift: float, cv: float) -> Workload:
    """Popularity falls as 1 / rank; in a later hour so much of it as the drift is dealt out anew."""
    usual = 1.0 / np.arange(1, MODELS + 1)
    other = np.random.default_rng(100 + hour).permutation(usual)
    weights = (1 - drift) * usual + drift * other
    return gamma_workload(tuple(RATE_PER_S * weights / weights.sum()), cv, STRETCH_S, 1000 * hour)
