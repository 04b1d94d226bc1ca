"""What splitting costs: where the time of pipelines and of sharded operators goes (figures 8, 9, 16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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

    def exchanging(self, times: float) -> Overhead:
        """The same plan where the exchange between devices takes so many times as long."""
        return replace(self, communication_s=times * self.communication_s)


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


def ways_on(plans: Split, times: float) -> dict[str, dict[str, list[float]]]:
    """Latency (s), throughput (requests/s) and memory (GiB in all) over WAYS, of replicas, stages and shards.

    times: how many times as long the exchange between devices takes as in the cost model.
    """
    alone_s, weight_gib = plans.alone_s, sum(plans.dynamic[1].weight_gib)
    stages, shards = plans.dynamic, plans.sharded
    # What a slower exchange adds to a request, and to each of n equally loaded devices.
    hops_s = {n: (times - 1) * pipeline_overhead(stages[n], alone_s).communication_s for n in WAYS}
    parts_s = {n: (times - 1) * sharding_overhead(shards[n], alone_s).communication_s / n for n in WAYS}
    return {
        "latency_s": {"replicas": [alone_s] * len(WAYS), "stages": [stages[n].latency_s() + hops_s[n] for n in WAYS],
                      "shards": [shards[n].latency_s() + parts_s[n] for n in WAYS]},
        "rate_per_s": {"replicas": [n / alone_s for n in WAYS],
                       "stages": [1 / (stages[n].slowest_s() + hops_s[n] / n) for n in WAYS],
                       "shards": [1 / (shards[n].latency_s() + parts_s[n]) for n in WAYS]},
        "memory_gib": {"replicas": [n * weight_gib for n in WAYS], "stages": [sum(stages[n].weight_gib) for n in WAYS],
                       "shards": [n * sum(shards[n].weight_gib) for n in WAYS]},
    }  # fmt: skip


def sharding_overhead(plan: Plan, alone_s: float) -> Overhead:
    """The same for sharded operators: all that an n-th of the time is exceeded by, on n devices together."""
    return Overhead(alone_s, plan.tp * plan.latency_s() - alone_s, 0.0)
