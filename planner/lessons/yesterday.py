"""A plan made on one stretch of traffic, tested on two others (figure 14)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from planner.problem import Problem
from planner.search import search
from simulator import Cluster, Model, Placement, Workload, serving_preset, simulate
from simulator.arrivals import gamma_workload
from simulator.catalogue import builtin_catalogue

MODELS, DEVICES, MEMORY_GIB, RATE_PER_S = 12, 8, 13.0, 16.0
# Each stretch stands for an hour; Clockwork++ plans anew in each window of it.
STRETCH_S, WINDOW_S = 150.0, 30.0
HOURS = ("A", "B", "C")
PLANS = ("replicas", "Clockwork++", "pipelines")
SERVING = serving_preset("published")


@dataclass(frozen=True, eq=False)
class Tested:
    """Deadlines met by every plan of PLANS in every hour, float64 (plans, hours), 0..1.

    stages: of the pipelines. held: models that one of them holds, on average.
    """

    met: np.ndarray
    stages: int
    held: float


def run_hours(drift: float, cv: float, slo_scale: float) -> Tested:
    """Plan on hour A, test on all; Clockwork++ plans every window of each hour on that window's own requests.

    drift: how much of the models' popularity is another in the later hours, 0..1.
    """
    models = _models(slo_scale)
    hours = [_traffic(hour, drift if hour else 0.0, cv) for hour in range(len(HOURS))]
    replicas, pipelines = (_plan(name, cv, slo_scale) for name in ("selective_replication", "uniform"))
    clockwork = [_clockwork(hour, drift if hour else 0.0, cv, slo_scale) for hour in range(len(HOURS))]
    fixed = [[simulate(models, plan, hour, SERVING).slo_attainment for hour in hours] for plan in (replicas, pipelines)]
    return Tested(
        np.array([fixed[0], clockwork, fixed[1]]), pipelines.groups[0].pp, pipelines.replicas / len(pipelines.groups)
    )


@lru_cache(maxsize=128)
def _plan(algorithm: str, cv: float, slo_scale: float) -> Placement:
    found = search(_problem(_traffic(0, 0.0, cv), slo_scale), algorithm).placement
    assert isinstance(found, Placement), "only Clockwork++ gives placements over time"
    return found


@lru_cache(maxsize=256)
def _clockwork(hour: int, drift: float, cv: float, slo_scale: float) -> float:
    return search(_problem(_traffic(hour, drift, cv), slo_scale), "clockwork", window_s=WINDOW_S).score


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
