"""Two models on two devices, simulated: the paper's example of why sharing can beat dedicating (section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator import (
    Group,
    Model,
    Placement,
    Profile,
    ProfileEntry,
    Serving,
    SimulationResult,
    Workload,
    simulate,
)
from simulator.arrivals import gamma_workload

# A BERT-6.7B alone on a V100 (the authors' two-model example).
LATENCY_S = 0.39624744
NAMES = ("model 1", "model 2")
# No delays on the way, so that the closed forms hold.
IDEAL = Serving(
    dispatch="earliest_free", client_delay_s=0, dispatch_delay_s=0, start_delay_s=0, admission_margin_s=0,
    stage_overhead=0,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class TwoWays:
    """The same requests served both ways. dedicated: by devices with whole models; shared: by pipelines."""

    dedicated: SimulationResult
    shared: SimulationResult

    def mean_latency_s(self) -> tuple[float, float]:
        """Mean latency of both ways over the requests that ran, seconds; NaN where none ran."""
        return _mean(self.dedicated), _mean(self.shared)

    def slo_attainment(self) -> tuple[float, float]:
        """Share of requests that met their deadline both ways, 0..1."""
        return self.dedicated.slo_attainment, self.shared.slo_attainment


def serve_burst(requests: int, hop_share: float, models: tuple[int, ...] = (0,)) -> TwoWays:
    """A burst of requests at time 0 on two devices; a request takes 1 second alone (section 1 of the paper).

    The two stages take half a second each. The overhead is the hop between them, which takes time but keeps no
    device busy: a stage of its own.

    Args:
        requests: how many. hop_share: the overhead as a share of the time alone.
        models: whose requests they are in turn, 0 or 1.
    """
    half = ProfileEntry(3, 1, (0.5, hop_share, 0.5), (0.5, 0.0, 0.5))
    profile = Profile("p", {(1, 1): ProfileEntry(1, 1, (1.0,), (1.0,)), (3, 1): half})
    which = np.resize(np.array(models, dtype=np.int64), requests)
    return _serve(profile, (3, 1), Workload(np.zeros(requests), which, 2), IDEAL)


def serve_traffic(
    rate_per_s: float,
    cv: float = 1.0,
    share: float = 0.5,
    alpha: float = 1.0,
    beta: float = 1.0,
    duration_s: float = 20_000.0,
    seed: int = 0,
    latency_s: float = LATENCY_S,
    serving: Serving = IDEAL,
) -> TwoWays:
    """Gamma arrivals for two models on two devices.

    Args:
        rate_per_s: of both models; share: of the first model; cv: 1 is Poisson.
        alpha: what both stages take longer for communication. beta: what the first stage is slower than half.
        latency_s: of a request alone on one device. serving: the rules, without any delay if not given.
    """
    slow_s = alpha * beta * latency_s / 2
    entries = {
        (1, 1): ProfileEntry(1, 1, (latency_s,), (1.0,)),
        (2, 1): ProfileEntry(2, 1, (slow_s, max(alpha * latency_s - slow_s, 0.0)), (0.5, 0.5)),
    }
    workload = gamma_workload((rate_per_s * share, rate_per_s * (1 - share)), cv, duration_s, seed)
    return _serve(Profile("p", entries), (2, 1), workload, serving)


def _serve(profile: Profile, shape: tuple[int, int], workload: Workload, serving: Serving) -> TwoWays:
    models = tuple(Model(name, profile, np.inf) for name in NAMES)
    dedicated = Placement(tuple(Group(1, 1, (name,)) for name in NAMES), "Dedicated")
    shared = Placement((Group(*shape, NAMES),), "Shared")
    return TwoWays(*(simulate(models, p, workload, serving) for p in (dedicated, shared)))


def _mean(result: SimulationResult) -> float:
    latency_s = result.latency_s[result.ran]
    return float(latency_s.mean()) if latency_s.size else float("nan")
