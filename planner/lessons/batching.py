"""Batches at tight and loose deadlines (figure 15): sixteen BERT-1.3B on eight devices."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from simulator import Group, Model, Placement, Workload, serving_preset, simulate
from simulator.arrivals import gamma_workload, split_rate
from simulator.catalogue import builtin_catalogue

MODELS, DEVICES, STAGES = 16, 8, 4
# So many of them fit the 13 GiB of a V100 whole, and all of them a pipeline of STAGES.
ROOM = 4
BATCHES = (1, 2, 16)
SCALES = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 14.0)
PROFILE = builtin_catalogue()["bert-1.3b"]
_NAMES = tuple(f"model {i + 1}" for i in range(MODELS))
_REQUESTS = 3_000


def met(slo_scale: float, rate_per_s: float, cv: float) -> np.ndarray:
    """Deadlines met, float64 (2, batches): by replicas and pipelines, and by the most that a batch may hold."""
    models = tuple(Model.with_slo_scale(name, PROFILE, slo_scale) for name in _NAMES)
    workload = _traffic(rate_per_s, cv)
    replicas = tuple(Group(1, 1, tuple(_NAMES[(2 * d + j) % MODELS] for j in range(ROOM))) for d in range(DEVICES))
    pipelines = (Group(STAGES, 1, _NAMES),) * (DEVICES // STAGES)
    return np.array([
        [simulate(models, Placement(groups), workload, serving_preset("published", max_batch_size=most)).slo_attainment
         for most in BATCHES]
        for groups in (replicas, pipelines)
    ])  # fmt: skip


@lru_cache(maxsize=64)
def met_over_deadlines(rate_per_s: float, cv: float) -> np.ndarray:
    """The same for all SCALES: float64 (scales, 2, batches)."""
    return np.array([met(scale, rate_per_s, cv) for scale in SCALES])


@lru_cache(maxsize=16)
def _traffic(rate_per_s: float, cv: float) -> Workload:
    rates = split_rate(rate_per_s, MODELS, "power_law", 0.5)
    return gamma_workload(tuple(rates), cv, _REQUESTS / rate_per_s, 0)
