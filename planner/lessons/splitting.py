"""What splitting costs: where the time of pipelines and of sharded operators goes (figures 8, 9, 16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from planner.parallelise.evidence import calibrated_plans
from planner.parallelise.plans import Plan

MODELS = ("bert-1.3b", "bert-2.6b", "bert-6.7b", "moe-2.4b")
WAYS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Overhead:
    """Of one model on n devices, seconds.

    Attributes:
        alone_s: on one device. communication_s: what all stages together take longer than that.
        imbalance_s: what a full pipeline loses because its stages are uneven.
    """

    alone_s: float
    communication_s: float
    imbalance_s: float

    @property
    def total_s(self) -> float:
        return self.communication_s + self.imbalance_s


@dataclass(frozen=True)
class Split:
    """All plans of a model: by devices, pipelines of the dynamic program and of equal layers, sharded operators."""

    dynamic: Mapping[int, Plan]
    equal: Mapping[int, Plan]
    sharded: Mapping[int, Plan]

    @property
    def alone_s(self) -> float:
        return self.dynamic[1].latency_s()


@lru_cache(maxsize=len(MODELS))
def split(model: str) -> Split:
    """Plan a model of MODELS on the paper's devices with the cost model; about 0.5 s the first time."""
    found = calibrated_plans(model, [*((n, 1) for n in WAYS), *((1, n) for n in WAYS[1:])])
    equal = calibrated_plans(model, [(n, 1) for n in WAYS], "equal")
    return Split({n: found[n, 1] for n in WAYS}, {n: equal[n, 1] for n in WAYS}, {n: found[1, n] for n in WAYS})


def pipeline_overhead(plan: Plan, alone_s: float) -> Overhead:
    """The decomposition of figure 8: communication is what the sum exceeds, imbalance the rest of n slowest stages."""
    communication_s = max(plan.latency_s() - alone_s, 0.0)
    return Overhead(alone_s, communication_s, max(plan.pp * plan.slowest_s() - communication_s - alone_s, 0.0))


def sharding_overhead(plan: Plan, alone_s: float) -> Overhead:
    """The same for sharded operators: all that an n-th of the time is exceeded by, on n devices together."""
    return Overhead(alone_s, plan.tp * plan.latency_s() - alone_s, 0.0)
