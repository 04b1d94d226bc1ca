"""Two models on two devices under traffic that never stops (figure 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.theory.queueing import bursty_waiting_s, dedicated_latency_s, pipeline_latency_s
from planner.theory.two_models import LATENCY_S, TwoWays, serve_traffic
from simulator import SimulationResult, serving_preset
from simulator.loads import measure_loads

DURATION_S = 20_000.0
# What figure 2d shows.
WINDOW_S, BIN_S = 500.0, 2.5
# The cases of figure 2, a to c: requests per second of both models, CV, share of the first model.
CASES = {
    "a: Poisson, evenly split": (3.0, 1.0, 0.5),
    "b: bursty, CV 3": (3.0, 3.0, 0.5),
    "c: skewed, 20 to 80": (3.0, 1.0, 0.2),
}


@dataclass(frozen=True, eq=False)
class TrafficRun:
    """Both ways, and how busy both devices together were in the first WINDOW_S.

    utilization: float64 (2, bins), by way, share of both devices' time, 0..1.
    """

    both: TwoWays
    utilization: np.ndarray


def run_traffic(rate_per_s: float, cv: float, share: float) -> TrafficRun:
    """Simulate DURATION_S without delays on the way; share: of the first model in all requests, 0..1."""
    both = serve_traffic(rate_per_s, cv, share, duration_s=DURATION_S)
    return TrafficRun(both, np.array([_utilization(result) for result in (both.dedicated, both.shared)]))


def run_published(rate_per_s: float, cv: float, share: float) -> TwoWays:
    """The same with the constants of the authors' simulator: 11 ms of delay, 0.9 % a stage."""
    return serve_traffic(rate_per_s, cv, share, duration_s=DURATION_S, serving=serving_preset("published"))


def busiest_loads(rate_per_s: float, share: float) -> tuple[float, float]:
    """Work that arrives in a second for the busiest own device, and for a stage of the pipeline, in seconds."""
    load = rate_per_s * LATENCY_S
    return max(share, 1 - share) * load, load / 2


def closed_forms_s(rate_per_s: float, cv: float, share: float) -> tuple[float, float]:
    """Mean latencies by formula: exact for Poisson traffic, else with Kingman's approximation of the waiting."""
    if cv == 1:
        return (
            dedicated_latency_s(rate_per_s, LATENCY_S, share),
            pipeline_latency_s(rate_per_s, LATENCY_S, LATENCY_S / 2),
        )
    waits_s = sum(p * bursty_waiting_s(p * rate_per_s, LATENCY_S, cv) for p in (share, 1 - share) if p > 0)
    return LATENCY_S + waits_s, LATENCY_S + bursty_waiting_s(rate_per_s, LATENCY_S / 2, cv)


def _utilization(result: SimulationResult) -> np.ndarray:
    return measure_loads(result, int(WINDOW_S / BIN_S), 0.0, BIN_S).stage_utilization.mean(axis=0)
