"""Closed forms of two models on two devices: each on its own device, or both in one pipeline of two stages.

Poisson arrivals, fixed service times, no deadlines (AlpaServe section 3.4). All rates are requests per second of
both models together, all times seconds.
"""

from __future__ import annotations

import math

from scipy.optimize import minimize_scalar


def dedicated_latency_s(rate_per_s: float, latency_s: float, share: float = 0.5) -> float:
    """Mean latency with a device for each model, W_simple.

    Args:
        rate_per_s: of both models. latency_s: of a request alone, D. share: of the first model in all requests, 0..1.
    """
    shares = (share, 1 - share)
    return latency_s + sum(p * _waiting_s(p * rate_per_s, latency_s) for p in shares if p > 0)


def pipeline_latency_s(rate_per_s: float, latency_s: float, slowest_s: float) -> float:
    """Mean latency with both models in one pipeline, W_pipeline = D_s + l D_m^2 / (2 (1 - l D_m)).

    Exact where no stage behind the first one is slower than it. How requests are split over the models is all one.

    Args:
        latency_s: of a request alone through all stages, D_s. slowest_s: of the slowest stage, D_m.
    """
    return latency_s + _waiting_s(rate_per_s, slowest_s)


def largest_alpha(load: float) -> float:
    """How much longer communication may make both stages before sharing loses (alpha_max), at equal rates.

    D_s = 2 D_m = alpha D. load: r = l D, requests per service time of one device, in (0, 2).
    """
    r = load
    root = math.sqrt(r**4 - 12 * r**3 + 56 * r**2 - 96 * r + 64)
    return (r**2 - 8 + root) / (3 * (r**2 - 2 * r))


def largest_beta(load: float) -> float:
    """How much slower than half the model the slower stage may be before sharing loses (beta_max), at equal rates.

    D_s = D, D_m = beta D / 2. load: as in `largest_alpha`.
    """
    return (load - math.sqrt(load**2 - 4 * load + 8)) / (load - 2)


def most_tolerant_load() -> tuple[float, float]:
    """The load at which sharing bears most communication, and that alpha."""
    found = minimize_scalar(lambda r: -largest_alpha(r), bounds=(0.01, 1.99), method="bounded")
    return float(found.x), largest_alpha(float(found.x))


def bursty_waiting_s(rate_per_s: float, service_s: float, cv: float) -> float:
    """Kingman's approximation of the waiting time with gaps of this CV and fixed service times; inf from full load on.

    rho / (1 - rho) * CV^2 / 2 * D: good near full load, above the truth at low load.
    """
    load = rate_per_s * service_s
    return math.inf if load >= 1 else load / (1 - load) * cv**2 / 2 * service_s


def _waiting_s(rate_per_s: float, service_s: float) -> float:
    load = rate_per_s * service_s
    return math.inf if load >= 1 else rate_per_s * service_s**2 / (2 * (1 - load))
