"""How much is possible at all: an upper bound on the attainment of any placement."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from planner.problem import Problem
from planner.rules import NO_RULES
from planner.search.bound_kernels import least_lost
from planner.search.bound_program import BoundProgram
from planner.search.space import Space
from simulator import Model, ProfileEntry, Serving, words
from simulator.arrays import I64
from simulator.headway import OnProgress
from simulator.placement import MEMORY_TOLERANCE_GIB

# Stretches that may be overloaded begin and end at every so many requests, further apart on long traces.
LEAST_REQUESTS = 4
MAX_CUTS = 50_000


@dataclass(frozen=True)
class Bound:
    """No placement finishes a larger share of the requests in time.

    Attributes:
        attainment: the bound, 0..1.
        deadlines: 1 - the share of requests that no configuration could finish in time even alone.
        capacity: what is left of that when bursts ask for more device time than there is before their deadlines.
        memory: what is left of `deadlines` when not all models fit the cluster at once.
        together: what is left when deadlines, device time and memory are asked for at once by fractional groups and
            replicas (`bound_program`); None where that was not looked for.
        reason: a sentence that says which of them limits.
    """

    attainment: float
    deadlines: float
    capacity: float
    memory: float
    reason: str
    together: float | None = None


def upper_bound(problem: Problem, time_limit_s: float = 0.0, on_progress: OnProgress | None = None) -> Bound:
    """An upper bound on the SLO attainment of any placement, from deadlines, capacity and memory.

    Deadlines: a request counts only if some configuration that fits the cluster answers it in time alone.
    Capacity: requests that arrive within a stretch and count run between its first arrival and the latest of their
    deadlines; the device seconds of all devices in that time, spent on the requests that need fewest, bound how many.
    Losses of disjoint stretches add up; the stretches that lose most are chosen.
    Memory: every model that is served takes its smallest weights once; the fractional knapsack over requests bounds
    how many requests belong to models that fit together.
    Together: with a time limit, the linear program of `bound_program`, tightened for so many seconds; ten do for the
    sizes of the paper. `on_progress` is told the bound and ends it with False.

    Raises:
        InputError: no model fits the cluster.
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
    spare_s = slo_s - problem.serving.client_delay_s - problem.serving.response_delay_s
    capacity = deadlines - _overload(problem, possible, work_s, spare_s) / n
    steady = _steady_load(problem, possible, work_s, spare_s)
    if steady is not None:
        # The whole run is a stretch that is not always among those that were chosen.
        capacity = min(capacity, steady.attainment)
    requests = np.bincount(workload.model[possible], minlength=count)
    memory = float(_in_memory(problem, requests)) / n
    together = None
    if time_limit_s > 0:
        serving = problem.serving
        # Batches are formed when a group is idle, so only the way to the controller is certain before stage 1.
        waits_s = 0.0 if serving.max_batch_size > 1 else serving.dispatch_delay_s + serving.start_delay_s
        # What no placement can pass, none that keeps to rules can.
        free = replace(problem, rules=NO_RULES, weights={})
        together = BoundProgram(Space(free), spare_s - waits_s).tighten(time_limit_s, on_progress)
    attainment = min(deadlines, capacity, memory, 1.0 if together is None else together)
    reason = _reason(attainment, deadlines, capacity, memory, steady)
    return Bound(attainment, deadlines, capacity, memory, reason, together)


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


def _overload(problem: Problem, possible: np.ndarray, work_s: np.ndarray, spare_s: np.ndarray) -> int:
    """Requests that must be lost because stretches of arrivals ask for too much device time.

    Args:
        possible: bool (n,), requests that count. work_s: float64 (M,), fewest device seconds of a request.
        spare_s: float64 (n,), seconds from arrival to the latest end of its last stage.
    """
    arrival_s, model, spare_s = (
        problem.workload.arrival_s[possible],
        problem.workload.model[possible],
        spare_s[possible],
    )
    if not arrival_s.size:
        return 0
    cost_s, kind = np.unique(work_s[model], return_inverse=True)
    longest_s = np.full(cost_s.size, -np.inf)
    np.maximum.at(longest_s, kind, spare_s)
    step = max(LEAST_REQUESTS, -(-arrival_s.size // MAX_CUTS))
    cuts = np.unique(np.append(np.arange(0, arrival_s.size, step), arrival_s.size))
    before = np.zeros((cuts.size, cost_s.size), np.int64)
    last_s = np.full((cuts.size, cost_s.size), -np.inf)
    for k in range(cost_s.size):
        rows = np.flatnonzero(kind == k)
        before[:, k] = np.searchsorted(rows, cuts)
        some = before[:, k] > 0
        last_s[some, k] = arrival_s[rows[before[some, k] - 1]]
    lengths: I64 = np.unique(
        np.round(1.25 ** np.arange(0, float(np.log(cuts.size) / np.log(1.25)) + 1)).astype(np.int64)
    )
    first_s = arrival_s[np.minimum(cuts, arrival_s.size - 1)]
    lost = np.zeros(cuts.size)
    least_lost(cuts, first_s, before, last_s, cost_s, longest_s, float(problem.cluster.devices), lengths, lost)
    return int(lost[-1])


@dataclass(frozen=True)
class SteadyLoad:
    """What the traffic asks for, were it even.

    Attributes:
        devices: how many its requests keep busy from the first arrival to the last deadline, each with the fewest
            device seconds that it takes in any configuration and batch size. there: how many there are.
        attainment: the share of all requests that so many devices have the time for, cheapest first, 0..1.
    """

    devices: float
    there: int
    attainment: float


def _steady_load(problem: Problem, possible: np.ndarray, work_s: np.ndarray, spare_s: np.ndarray) -> SteadyLoad | None:
    """None where the devices suffice for it, so that only bursts can ask for too much; arguments as in `_overload`.

    Also where all requests arrive within one deadline: that is a burst.
    """
    workload, there = problem.workload, problem.cluster.devices
    if not possible.any():
        return None
    arrival_s, cost_s = workload.arrival_s[possible], np.sort(work_s[workload.model[possible]])
    time_s = float((arrival_s + spare_s[possible]).max() - arrival_s[0])
    if cost_s.sum() <= there * time_s or arrival_s[-1] - arrival_s[0] <= spare_s[possible].max():
        return None
    served = int(np.searchsorted(np.cumsum(cost_s), there * time_s, side="right"))
    return SteadyLoad(float(cost_s.sum()) / time_s, there, served / len(workload))


def _in_memory(problem: Problem, requests: np.ndarray) -> float:
    """Most requests of models that fit the cluster's memory together, one copy each (fractional knapsack)."""
    left_gib = problem.cluster.devices * (problem.cluster.memory_gib + MEMORY_TOLERANCE_GIB)
    smallest_gib: list[float] = []
    for model in problem.models:
        weights = [sum(entry.stage_weight_gib) * entry.tp for entry in _entries(model, problem)]
        smallest_gib.append(min(weights, default=np.inf))
    served = 0.0
    for m in sorted(range(requests.size), key=lambda m: -requests[m] / max(smallest_gib[m], 1e-12)):
        share = min(left_gib / smallest_gib[m], 1.0) if smallest_gib[m] > 0 else 1.0
        served += share * requests[m]
        left_gib -= share * smallest_gib[m] if np.isfinite(smallest_gib[m]) else 0.0
    return served


def _reason(attainment: float, deadlines: float, capacity: float, memory: float, steady: SteadyLoad | None) -> str:
    if attainment >= 1.0:
        return (
            "Nothing rules out 100\u00a0%: each request could meet its deadline alone, every model has room in memory, "
            "and there is device time for all of them."
        )
    if attainment == deadlines:
        return f"{words.share(1 - deadlines)} of the requests cannot meet their deadline in any configuration."
    if attainment == memory:
        return (
            f"The models do not fit the cluster's memory together; {words.share(memory)} of the requests can be served."
        )
    possible = words.share(attainment)
    if steady is not None:
        load = f"The steady load alone keeps {_devices(steady)} busy; there are {words.count(steady.there)}"
        if possible == words.share(steady.attainment):
            return f"{load}, enough for {possible} of the requests at most."
        more = "its bursts" if attainment == capacity else "its bursts and the memory"
        return f"{load}, enough for {words.share(steady.attainment)} of the requests, and with {more} for {possible}."
    if attainment == capacity:
        return f"Bursts ask for more device time than there is before their deadlines; {possible} can be served."
    return f"Memory and device time together do not suffice before the deadlines; at most {possible} can be served."


def _devices(steady: SteadyLoad) -> str:
    """With as many digits as tell it from the devices that there are."""
    for digits in range(3):
        shown = words.fixed(steady.devices, digits)
        if shown != words.fixed(steady.there, digits):
            break
    else:
        return "slightly more devices than there are"
    return f"{shown} devices"
