"""One trace under the four dispatch rules, with a group that is too slow for the deadline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator import Group, Model, Placement, Profile, ProfileEntry, Serving, SimulationResult, simulate
from simulator.arrivals import gamma_workload
from simulator.kernels import REJECTED
from simulator.serving import DISPATCH_RULES

LATENCY_S, REQUESTS = 0.2375, 4_000
# The slow group comes first: a pipeline in which a request takes STRETCH times as long as alone on a device.
SLOW, STAGES, FAST, STRETCH = 0, 4, 4, 1.3


@dataclass(frozen=True, eq=False)
class RuleRun:
    """One rule.

    Attributes:
        attainment: share of deadlines met. sent, rejected: int64 (1 + FAST,), requests by group, the slow one first.
        outstanding: float64 (1 + FAST,), requests that a group had accepted and not answered, on average over time.
    """

    attainment: float
    sent: np.ndarray
    rejected: np.ndarray
    outstanding: np.ndarray


def run_rules(rate_per_s: float, cv: float, slo_scale: float) -> dict[str, RuleRun]:
    """Serve the same requests for one model by every rule, with the delays of the testbed."""
    cut = ProfileEntry(STAGES, 1, (STRETCH * LATENCY_S / STAGES,) * STAGES, (1.0 / STAGES,) * STAGES)
    profile = Profile("p", {(1, 1): ProfileEntry(1, 1, (LATENCY_S,), (1.0,)), (STAGES, 1): cut})
    models = (Model.with_slo_scale("model", profile, slo_scale),)
    placement = Placement((Group(STAGES, 1, ("model",)), *(Group(1, 1, ("model",)),) * FAST))
    workload = gamma_workload((rate_per_s,), cv, REQUESTS / rate_per_s, 0)
    return {rule: _run_of(simulate(models, placement, workload, Serving(dispatch=rule))) for rule in DISPATCH_RULES}


def _run_of(result: SimulationResult) -> RuleRun:
    groups = 1 + FAST
    spent_s = np.bincount(result.group[result.ran], weights=result.latency_s[result.ran], minlength=groups)
    return RuleRun(
        result.slo_attainment,
        np.bincount(result.group, minlength=groups),
        np.bincount(result.group[result.status == REJECTED], minlength=groups),
        spent_s / max(result.workload.span_s, 1e-9),
    )
