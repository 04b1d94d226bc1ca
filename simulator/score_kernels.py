"""Kernels that score placements without leaving compiled code.

A *layout* is a placement as arrays: `shape` int64 (G,), the index of each group's parallel configuration, and `holds`
bool (G, M), which models it holds. Scores come from `simulator.kernels.serve`, the simulation itself. What a change
of a layout cannot reach is not simulated again: models and groups form a graph, and requests meet only inside its
connected components.

Long calls look at `control[0]` at every cut of the trace; another thread sets it to stop them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator import kernels
from simulator.arrays import F64, I32, I64, Bools, Instance, Rules, State, Tally
from simulator.kernel_stamps import follow_stamps
from simulator.kernels import NONE, serve

follow_stamps(__file__, kernels)
# Called from kernels alone.
inner_kernel = njit(cache=True, nogil=True, no_cpython_wrapper=True)


class Catalogue(NamedTuple):
    """Models and parallel configurations as arrays. M models, C configurations, R = profiles * C rows, S stages.

    slo_s: float64 (M,). first_row: int64 (M,); model m in configuration c has row first_row[m] + c.
    latency_s: float64 (1, R, S), overhead included. weight_gib: float64 (R, S), inf in the first place where there
    is no profile; columns from S on keep models apart. depth, devices: int64 (C,). memory_gib: what a device may hold,
    tolerance included. weight: int64 (M,), as how many requests one of each model counts.
    """

    slo_s: F64
    first_row: I64
    latency_s: F64
    weight_gib: F64
    depth: I64
    devices: I64
    memory_gib: float
    weight: I64


class Traffic(NamedTuple):
    """The requests to plan for. arrival_s float64 (n,), model int32 (n,), slo_s float64 (n,) or empty;
    cuts: int64 (K + 1,), rising from 0 to n, where a run is looked at."""

    arrival_s: F64
    model: I32
    slo_s: F64
    cuts: I64


@inner_kernel
def total(row: NDArray[Any]) -> Any:
    """Sum of a vector."""
    result = 0
    for i in range(row.size):
        result += row[i]
    return result


@inner_kernel
def build_layout_instance(shape: I64, holds: Bools, catalogue: Catalogue) -> Instance:
    """The layout as the arrays that `serve` takes."""
    groups, models = holds.shape
    start = np.zeros(models + 1, np.int64)
    for m in range(models):
        count = 0
        for g in range(groups):
            count += holds[g, m]
        start[m + 1] = start[m] + count
    group = np.empty(start[models], np.int64)
    row = np.empty(start[models], np.int64)
    for m in range(models):
        j = start[m]
        for g in range(groups):
            if holds[g, m]:
                group[j] = g
                row[j] = catalogue.first_row[m] + shape[g]
                j += 1
    depth = np.empty(groups, np.int64)
    for g in range(groups):
        depth[g] = catalogue.depth[shape[g]]
    none = np.zeros(1, np.int64)
    return Instance(
        catalogue.slo_s, start, group, row, catalogue.latency_s, none + 1, depth, none, none, none, 0
    )  # fmt: skip


@inner_kernel
def _idle(groups: int, models: int, stages: int, rules: Rules) -> State:
    predicted_s = np.zeros((groups, stages))
    actual_s = np.zeros((groups, stages)) if rules.start_delay_s > 0 else predicted_s
    nothing = np.full((4, groups), NONE, np.int64)
    return State(
        predicted_s, actual_s, np.zeros(groups), np.zeros(models, np.int64), np.zeros(groups, np.int64),
        nothing[0], nothing[1], nothing[2], nothing[3], np.full(groups, np.inf),
        np.ones(1, np.bool_), nothing[0], nothing[0], nothing[0],
    )  # fmt: skip


@inner_kernel
def _take(
    affected: Bools, low: int, high: int, traffic: Traffic, taken: int, arrival_s: F64, model: I32, slo_s: F64
) -> int:
    """Append the requests low <= i < high of the affected models to arrays that hold `taken`; returns how many then."""
    for i in range(low, high):
        m: int = traffic.model[i]
        arrival_s[taken] = traffic.arrival_s[i]
        model[taken] = m
        if slo_s.size:
            slo_s[taken] = traffic.slo_s[i]
        taken += affected[m]
    return taken


@inner_kernel
def weighed(model: I32, low: int, high: int, weight: I64) -> Any:
    """As how many requests those from low to high count; model int32 (n,)."""
    result = 0
    for i in range(low, high):
        result += weight[model[i]]
    return result


@njit(cache=True, nogil=True)
def score(
    shape: I64, holds: Bools, affected: Bools, catalogue: Catalogue, traffic: Traffic, rules: Rules, control: I64,
    limit: F64, good_at: I64, dispatched: I64, latency_s: F64,
) -> bool:  # fmt: skip
    """Simulate the requests of the affected models on a layout; all requests are counted by `catalogue.weight`.

    Args:
        affected: bool (M,), a union of connected components.
        control: int64 (1,); the run stops at the next cut once it is not 0.
        limit: float64 (K,); the run stops once more than limit[k] of the requests before cut k + 1 are bad.
        good_at: int64 (K, M), receives for each cut the requests in time so far of the affected models.
        dispatched: int64 (G,), receives the requests sent to each group that holds an affected model.
        latency_s: float64 (M,), receives the sum of the latencies of the affected models' requests that ran.

    Returns:
        Whether the run came to the end.
    """
    groups, models = holds.shape
    instance = build_layout_instance(shape, holds, catalogue)
    state = _idle(groups, models, catalogue.latency_s.shape[2], rules)
    cuts, n = traffic.cuts, traffic.arrival_s.size
    everyone = total(affected) == models
    # Copies are made cut by cut, because most runs do not get far.
    own_arrival_s, own_model, own_slo_s = np.empty(n), np.empty(n, np.int32), np.empty(traffic.slo_s.size)
    arrival_s = traffic.arrival_s if everyone else own_arrival_s
    model = traffic.model if everyone else own_model
    slo_s = traffic.slo_s if everyone else own_slo_s
    ended_s = np.empty(n if rules.dispatch == kernels.SHORTEST_QUEUE else 0)
    next_request = np.empty(ended_s.size, np.int32)
    good, sent, waited_s = np.zeros(models, np.int64), np.zeros(groups, np.int64), np.zeros(models)
    tally = Tally(good, sent, waited_s)
    # Not the literal 0, for which the kernels would be compiled once more.
    done = asked = cuts[0]
    for k in range(cuts.size - 1):
        if control[0] != 0:
            return False
        low, done = done, cuts[k + 1]
        if not everyone:
            done = _take(affected, cuts[k], cuts[k + 1], traffic, low, own_arrival_s, own_model, own_slo_s)
        serve(instance, rules, state, arrival_s, model, slo_s, low, done, ended_s, next_request, None, tally)
        asked += weighed(model, low, done, catalogue.weight)
        in_slo = 0
        for m in range(models):
            if affected[m]:
                good_at[k, m] = good[m] * catalogue.weight[m]
                in_slo += good[m] * catalogue.weight[m]
        if asked - in_slo > limit[k]:
            return False
    for m in range(models):
        if affected[m]:
            latency_s[m] = waited_s[m]
    for g in range(groups):
        for m in range(models):
            if holds[g, m] and affected[m]:
                dispatched[g] = sent[g]
                break
    return True


@njit(cache=True, nogil=True)
def reach(holds: Bools, affected: Bools) -> None:
    """Spread `affected` bool (M,) over the connected components that it touches, in place.

    Models that no group holds join too: nothing happens to their requests, and where everyone is affected the
    requests need not be picked out.
    """
    groups, models = holds.shape
    seen = np.zeros(groups, np.bool_)
    waiting = np.empty(models, np.int64)
    count = 0
    for m in range(models):
        if affected[m]:
            waiting[count] = m
            count += 1
    while count > 0:
        count -= 1
        m = waiting[count]
        for g in range(groups):
            if holds[g, m] and not seen[g]:
                seen[g] = True
                for other in range(models):
                    if holds[g, other] and not affected[other]:
                        affected[other] = True
                        waiting[count] = other
                        count += 1
    for m in range(models):
        held = False
        for g in range(groups):
            held |= holds[g, m]
        affected[m] |= not held


@njit(cache=True, nogil=True)
def score_many(
    shape: I64, holds: Bools, least: int, catalogue: Catalogue, traffic: Traffic, rules: Rules, control: I64
) -> I64:
    """Requests in time of many layouts: shape int64 (B, G), holds bool (B, G, M) -> int64 (B,).

    NONE where a layout has fewer than the best so far, `least` at the beginning, or where stopped.
    """
    groups, models = holds.shape[1:]
    cuts = traffic.cuts.size - 1
    good = np.full(shape.shape[0], NONE, np.int64)
    good_at, dispatched, latency_s = np.empty((cuts, models), np.int64), np.empty(groups, np.int64), np.empty(models)
    everyone = np.ones(models, np.bool_)
    for b in range(shape.shape[0]):
        limit = np.full(cuts, float(weighed(traffic.model, 0, traffic.model.size, catalogue.weight) - least))
        if score(
            shape[b], holds[b], everyone, catalogue, traffic, rules, control, limit, good_at, dispatched, latency_s
        ):
            good[b] = total(good_at[-1])
            least = max(least, good[b])
    return good
