"""Closed forms of two models on two devices over simulated points; times in units of a request alone, D (figure 10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from planner.lessons.verdicts import lead
from planner.theory.queueing import dedicated_latency_s, pipeline_latency_s
from planner.theory.two_models import LATENCY_S, serve_traffic
from simulator.intervals import batch_means_half_width

# Loads are requests of both models in the time of one, r = lambda D; from 2 on two devices cannot keep up.
LOADS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8)
_GRID = np.linspace(0.005, 1.995, 399)


@dataclass(frozen=True, eq=False)
class Simulated:
    """Simulated mean latencies at LOADS, float64 (2, loads) by way, in D; half_width: of their 95 % intervals."""

    mean: np.ndarray
    half_width: np.ndarray


def latencies(load: float, alpha: float, beta: float) -> tuple[float, float]:
    """Mean latencies by formula, dedicated and shared, in D; inf where a device cannot keep up."""
    return dedicated_latency_s(load, 1.0), pipeline_latency_s(load, alpha, alpha * beta / 2)


def crossings(alpha: float, beta: float) -> list[float]:
    """The loads at which both ways are equally fast by formula, ascending; none where both are the same everywhere."""

    def gap(load: float) -> float:
        dedicated, shared = latencies(load, alpha, beta)
        return float(np.clip(dedicated - shared, -1e9, 1e9))

    signs = np.sign([gap(load) for load in _GRID])
    at = np.flatnonzero(signs[:-1] != signs[1:])
    # A crossing on the grid itself ends one stretch and begins the next.
    return sorted({round(float(brentq(gap, _GRID[i], _GRID[i + 1], xtol=1e-12)), 9) for i in at})


def simulate_points(alpha: float, beta: float) -> Simulated:
    """Poisson traffic, evenly split, at LOADS."""
    means, half_widths = [], []
    for load in LOADS:
        both = serve_traffic(load / LATENCY_S, 1.0, 0.5, alpha, beta)
        latency = [result.latency_s / LATENCY_S for result in (both.dedicated, both.shared)]
        means.append([values.mean() for values in latency])
        half_widths.append([batch_means_half_width(values) for values in latency])
    return Simulated(np.array(means).T, np.array(half_widths).T)


def simulated_sign(load: float, alpha: float, beta: float) -> int:
    """Who is ahead in a simulation of this very setting: 1 sharing, -1 dedicating, 0 it cannot tell."""
    return lead(serve_traffic(load / LATENCY_S, 1.0, 0.5, alpha, beta), "mean latency").sign
