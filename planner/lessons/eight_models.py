"""Eight models on eight devices: replicas on single devices against pipelines that hold all models (figures 4 to 7)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from planner.lessons.verdicts import lead
from planner.theory.two_models import IDEAL, TwoWays
from simulator import Group, Model, Placement, Profile, ProfileEntry, Workload, simulate
from simulator.arrivals import gamma_workload

MODELS = 8
# BERT-2.6B alone on a V100; two of them fit one.
LATENCY_S, ROOM = 0.2375, 2
MOST_RATE_PER_S = MODELS / LATENCY_S
_NAMES = tuple(f"model {i + 1}" for i in range(MODELS))


@lru_cache(maxsize=64)
def even_profile(alpha: float, stages: int = MODELS) -> Profile:
    """A model cut into equal stages of alpha * L / stages each, as in figure 7b."""
    cut = ProfileEntry(stages, 1, (alpha * LATENCY_S / stages,) * stages, (1.0 / stages,) * stages)
    return Profile("p", {(1, 1): ProfileEntry(1, 1, (LATENCY_S,), (1.0,)), (stages, 1): cut})


def serve_eight(
    rate_per_s: float, cv: float, slo_scale: float = np.inf, alpha: float = 1.0, requests: int = 20_000,
    room: int = ROOM, stages: int = MODELS, profile: Profile | None = None, seed: int = 0,
) -> TwoWays:  # fmt: skip
    """Gamma arrivals for eight models, evenly split, served both ways without delays on the way.

    Args:
        rate_per_s: of all models. slo_scale: deadline as a multiple of a request's time alone; inf for none.
        alpha: what a cut request takes longer. requests: about how many arrive.
        room: models that a device holds whole; replicas of model i stand on the devices i .. i + room - 1.
        stages: of the pipelines, a divisor of eight; all of them hold every model.
        profile: the model with these stages; if not given it is cut evenly.
    """
    profile = profile or even_profile(alpha, stages)
    models = tuple(Model.with_slo_scale(name, profile, slo_scale) for name in _NAMES)
    arrivals = _unit_arrivals(cv, requests, seed)
    workload = arrivals.moved(arrivals.arrival_s / rate_per_s)
    replicas = Placement(
        tuple(Group(1, 1, tuple(_NAMES[(d - j) % MODELS] for j in range(room))) for d in range(MODELS))
    )
    pipelines = Placement((Group(stages, 1, _NAMES),) * (MODELS // stages))
    return TwoWays(*(simulate(models, placement, workload, IDEAL) for placement in (replicas, pipelines)))


def serve_measured(
    measure: str, rate_per_s: float, cv: float, slo_scale: float, alpha: float, requests: int = 20_000, room: int = ROOM
) -> TwoWays:
    """The run by which a measure is decided: for the mean latency without deadlines, so that all are answered."""
    return serve_eight(rate_per_s, cv, slo_scale if measure == "deadlines met" else np.inf, alpha, requests, room)


# Where the map of the settings has its cells.
MAP_RATES_PER_S = (1.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 21.0, 24.0, 27.0, 30.0, 33.0)
MAP_CVS = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
_MAP_REQUESTS = 2_000


@lru_cache(maxsize=256)
def map_leads(measure: str, slo_scale: float, alpha: float, room: int = ROOM) -> np.ndarray:
    """Who is ahead in every cell: int64 (CVs, rates), 1 sharing, -1 dedicating, 0 no run can tell."""
    return np.array([[_sign(measure, rate, cv, slo_scale, alpha, room) for rate in MAP_RATES_PER_S] for cv in MAP_CVS])


def with_run(leads: np.ndarray, rate_per_s: float, cv: float, sign: int) -> np.ndarray:
    """The map with what the longer run of one setting says, where that is one of its cells: they never differ."""
    if rate_per_s not in MAP_RATES_PER_S or cv not in MAP_CVS:
        return leads
    told = leads.copy()
    told[MAP_CVS.index(cv), MAP_RATES_PER_S.index(rate_per_s)] = sign
    return told


def attainments(
    scales: Sequence[float], alphas: Sequence[float], rate_per_s: float, cv: float, requests: int = 15_000
) -> tuple[np.ndarray, np.ndarray]:
    """Deadlines met over the deadline by replicas, float64 (S,), and by pipelines of each alpha, float64 (A, S)."""
    runs = [[serve_eight(rate_per_s, cv, scale, alpha, requests) for scale in scales] for alpha in alphas]
    return (
        np.array([run.dedicated.slo_attainment for run in runs[0]]),
        np.array([[run.shared.slo_attainment for run in row] for row in runs]),
    )


@lru_cache(maxsize=32)
def _unit_arrivals(cv: float, requests: int, seed: int) -> Workload:
    """One request a second of all models; every rate is the same traffic on another clock."""
    return gamma_workload((1.0 / MODELS,) * MODELS, cv, requests, seed)


def _sign(measure: str, rate_per_s: float, cv: float, slo_scale: float, alpha: float, room: int) -> int:
    return lead(serve_measured(measure, rate_per_s, cv, slo_scale, alpha, _MAP_REQUESTS, room), measure).sign
