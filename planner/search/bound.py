"""How much is possible at all: an upper bound on the attainment of any placement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.problem import Problem
from simulator import Model, ProfileEntry, Serving
from simulator.placement import MEMORY_TOLERANCE_GIB

# Windows of at least so many requests are looked at for overload; they are halved from the whole trace down.
LEAST_REQUESTS = 4


@dataclass(frozen=True)
class Bound:
    """No placement finishes a larger share of the requests in time.

    Attributes:
        attainment: the bound, 0..1.
        deadlines: 1 - the share of requests that no configuration could finish in time even alone.
        capacity: what is left of that when bursts ask for more device time than there is before their deadlines.
        memory: what is left of `deadlines` when not all models fit the cluster at once.
        reason: a sentence that says which of them limits.
    """

    attainment: float
    deadlines: float
    capacity: float
    memory: float
    reason: str


def upper_bound(problem: Problem) -> Bound:
    """An upper bound on the SLO attainment of any placement, from deadlines, capacity and memory alone.

    Deadlines: a request counts only if some configuration that fits the cluster answers it in time alone.
    Capacity: requests that arrive within [a, b] and count run between a and the latest of their deadlines; the
    device seconds of all devices in that time, spent on the requests that need fewest, bound how many. Losses of
    disjoint windows add up; windows are halved, and the better of a whole and its halves is taken.
    Memory: every model that is served takes its smallest weights once; the fractional knapsack over requests bounds
    how many requests belong to models that fit together.
    """
    workload, count = problem.workload, len(problem.models)
    if not len(workload):
        return Bound(1.0, 1.0, 1.0, 1.0, "There are no requests.")
    slo_s = np.array([model.slo_s for model in problem.models])[workload.model]
    if workload.slo_s is not None:
        slo_s = np.where(np.isnan(workload.slo_s), slo_s, workload.slo_s)
    fastest_s = np.array([_fastest_s(model, problem) for model in problem.models])
    work_s = np.array([_device_seconds(model, problem) for model in problem.models])
    possible = fastest_s[workload.model] <= slo_s + 1e-12
    n = len(workload)
    deadlines = float(possible.mean())
    arrival_s, cost_s = workload.arrival_s[possible], work_s[workload.model[possible]]
    spare_s = slo_s[possible] - problem.serving.client_delay_s - problem.serving.response_delay_s
    lost = _overload(arrival_s, cost_s, spare_s, problem.cluster.devices)
    capacity = deadlines - lost / n
    requests = np.bincount(workload.model[possible], minlength=count)
    memory = float(_in_memory(problem, requests)) / n
    attainment = min(deadlines, capacity, memory)
    return Bound(attainment, deadlines, capacity, memory, _reason(attainment, deadlines, capacity, memory))


def _entries(model: Model, problem: Problem) -> list[ProfileEntry]:
    cluster = problem.cluster
    return [
        entry
        for entry in model.profile.entries.values()
        if entry.devices <= cluster.devices and entry.max_weight_gib <= cluster.memory_gib + MEMORY_TOLERANCE_GIB
    ]


def _fastest_s(model: Model, problem: Problem) -> float:
    """Least time from arrival to an answer that counts, seconds; inf if the model fits nowhere."""
    serving = problem.serving
    before_s = serving.client_delay_s + serving.dispatch_delay_s
    margin_s = serving.start_delay_s
    if serving.admission == "deadline":
        margin_s = max(margin_s, serving.admission_margin_s)
    own_s = [entry.latency_s * serving.stage_factor(entry.pp) for entry in _entries(model, problem)]
    return before_s + min(own_s, default=np.inf) + margin_s + serving.response_delay_s


def _device_seconds(model: Model, problem: Problem) -> float:
    """Fewest device seconds that a request takes in any configuration and batch size; inf if it fits nowhere."""
    return min((_cheapest(entry, problem.serving) for entry in _entries(model, problem)), default=np.inf)


def _cheapest(entry: ProfileEntry, serving: Serving) -> float:
    sizes = [size for size in entry.batches if size <= serving.max_batch_size]
    per_request = [entry.latency_s, *(sum(entry.batches[size]) / size for size in sizes)]
    return min(per_request) * serving.stage_factor(entry.pp) * entry.tp


def _overload(arrival_s: np.ndarray, cost_s: np.ndarray, spare_s: np.ndarray, devices: int) -> int:
    """Requests that must be lost because windows of arrivals ask for too much device time.

    Args:
        arrival_s: float64 (n,), ascending. cost_s: float64 (n,), fewest device seconds of each.
        spare_s: float64 (n,), seconds from arrival to the latest end of its last stage.
    """
    n = arrival_s.size
    size = max(LEAST_REQUESTS, 1)
    while size < n:
        size *= 2
    lost_below: np.ndarray | None = None
    level = LEAST_REQUESTS
    while level <= size:
        starts = np.arange(0, n, level)
        lost = np.zeros(starts.size, np.int64)
        ends = np.minimum(starts + level, n)
        until_s = np.maximum.reduceat(arrival_s + spare_s, starts) if n else np.empty(0)
        budget_s = devices * np.maximum(until_s - arrival_s[starts], 0.0) if n else np.empty(0)
        asked_s = np.add.reduceat(cost_s, starts) if n else np.empty(0)
        for k in np.flatnonzero(asked_s > budget_s):
            spent_s = np.cumsum(np.sort(cost_s[starts[k] : ends[k]]))
            lost[k] = ends[k] - starts[k] - np.searchsorted(spent_s, budget_s[k] * (1 + 1e-9), side="right")
        if lost_below is not None:
            halves = np.add.reduceat(lost_below, np.arange(0, lost_below.size, 2))
            lost = np.maximum(lost, halves)
        lost_below, level = lost, level * 2
    return int(lost_below.sum()) if lost_below is not None else 0


def _in_memory(problem: Problem, requests: np.ndarray) -> float:
    """Most requests of models that fit the cluster's memory together, one copy each (fractional knapsack)."""
    left_gib = problem.cluster.devices * (problem.cluster.memory_gib + MEMORY_TOLERANCE_GIB)
    smallest_gib = []
    for model in problem.models:
        weights = [sum(entry.stage_weight_gib) * entry.tp for entry in _entries(model, problem)]
        smallest_gib.append(min(weights, default=np.inf))
    served = 0.0
    for m in sorted(range(requests.size), key=lambda m: -requests[m] / max(smallest_gib[m], 1e-12)):
        share = min(left_gib / smallest_gib[m], 1.0) if smallest_gib[m] > 0 else 1.0
        served += share * requests[m]
        left_gib -= share * smallest_gib[m] if np.isfinite(smallest_gib[m]) else 0.0
    return served


def _reason(attainment: float, deadlines: float, capacity: float, memory: float) -> str:
    if attainment >= 1.0:
        return "Deadlines, device time and memory exclude nothing."
    if attainment == deadlines:
        return f"{1 - deadlines:.2%} of the requests cannot meet their deadline in any configuration."
    if attainment == memory:
        return f"The models do not fit the cluster's memory together; {memory:.2%} of the requests can be served."
    return f"Bursts ask for more device time than there is before their deadlines; {capacity:.2%} can be served."
