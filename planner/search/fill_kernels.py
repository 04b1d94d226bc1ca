"""Kernels that fill a layout with replicas, and score what one more replica would bring.

Layouts are those of `simulator.score_kernels`, which says what a layout is worth.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator import kernels, score_kernels
from simulator.arrays import F64, I32, I64, Bools, Rules
from simulator.kernel_stamps import follow_stamps
from simulator.kernels import NONE
from simulator.score_kernels import Catalogue, Traffic, inner_kernel, reach, score, total

follow_stamps(__file__, kernels, score_kernels)


@njit(cache=True, nogil=True)
def room_for(m: int, c: int, used_gib: F64, catalogue: Catalogue) -> bool:
    """Whether a group of configuration c with used_gib float64 (S,) on its stages has room for model m."""
    row = catalogue.first_row[m] + c
    fits = True
    for k in range(used_gib.size):
        fits &= used_gib[k] + catalogue.weight_gib[row, k] <= catalogue.memory_gib
    return fits


@inner_kernel
def add_weights(used_gib: F64, m: int, c: int, catalogue: Catalogue) -> None:
    """Add the weights of model m to used_gib float64 (S,), a group of configuration c."""
    row = catalogue.first_row[m] + c
    for k in range(used_gib.size):
        used_gib[k] += catalogue.weight_gib[row, k]


@njit(cache=True, nogil=True)
def used_memory(shape: I64, holds: Bools, catalogue: Catalogue) -> F64:
    """Weights on a device of each stage of each group: float64 (G, S), GiB."""
    used_gib = np.zeros((shape.size, catalogue.weight_gib.shape[1]))
    for g in range(shape.size):
        for m in range(holds.shape[1]):
            if holds[g, m]:
                add_weights(used_gib[g], m, shape[g], catalogue)
    return used_gib


@inner_kernel
def has_least(holds: Bools, least: I64) -> bool:
    """Whether every model stands in as many groups as it has to; least int64 (M,), or empty."""
    for m in range(least.size):
        replicas = 0
        for g in range(holds.shape[0]):
            replicas += holds[g, m]
        if replicas < least[m]:
            return False
    return True


@njit(cache=True, nogil=True)
def comes_before(a: Bools, b: Bools) -> bool:
    """Order of two groups' models, bool (M,) each, as tuples of ascending indices compare."""
    for m in range(a.size):
        if a[m] != b[m]:
            rest = b if a[m] else a
            return a[m] == (total(rest[m + 1 :]) > 0)
    return False


@njit(cache=True, nogil=True)
def normalise(shape: I64, holds: Bools, moved: I64) -> None:
    """Sort the groups by their models, stable, in place; moved int64 (G,) is permuted alongside (insertion sort)."""
    for g in range(1, shape.size):
        at = g
        while at > 0 and comes_before(holds[at], holds[at - 1]):
            shape[at], shape[at - 1] = shape[at - 1], shape[at]
            moved[at], moved[at - 1] = moved[at - 1], moved[at]
            for m in range(holds.shape[1]):
                holds[at, m], holds[at - 1, m] = holds[at - 1, m], holds[at, m]
            at -= 1


@inner_kernel
def _next_replica(
    shape: I64, holds: Bools, allowed: Bools, requests: I64, good: I64, dispatched: I64, used_gib: F64,
    catalogue: Catalogue,
) -> tuple[int, int]:  # fmt: skip
    """The least-loaded group with any room and the most under-served model that fits it; (NONE, NONE) if none."""
    groups, models = holds.shape
    seen = np.zeros(groups, np.bool_)
    for _ in range(groups):
        g = NONE
        for other in range(groups):
            if not seen[other] and (g < 0 or dispatched[other] < dispatched[g]):
                g = other
        seen[g] = True
        best, most = NONE, -1.0
        for m in range(models):
            unserved = requests[m] * (1 - good[m] / (requests[m] + 1e-6))
            if unserved >= most and allowed[m] and not holds[g, m] and room_for(m, shape[g], used_gib[g], catalogue):
                best, most = m, unserved
        if best >= 0:
            return g, best
    return NONE, NONE


@njit(cache=True, nogil=True)
def count_requests(model: I32, weight: I64) -> I64:
    """Requests of each model by their weight: model int32 (n,), weight int64 (M,) -> int64 (M,)."""
    requests = np.zeros(weight.size, np.int64)
    for i in range(model.size):
        m: int = model[i]
        requests[m] += weight[m]
    return requests


@njit(cache=True, nogil=True)
def fill(
    shape: I64, holds: Bools, allowed: Bools, catalogue: Catalogue, traffic: Traffic, rules: Rules, control: I64,
    good_at: I64, latency_s: F64, chosen: I64, good_after: I64,
) -> tuple[int, int]:  # fmt: skip
    """The authors' fast heuristic (OSDI'23 section 4.2): fill the groups of a layout with replicas, in place.

    Each step simulates the layout and gives the least-loaded group with any room the most under-served model that
    fits; groups are then sorted by their models again. Ties: more unserved requests first, then the higher model
    index; fewer dispatched requests first, then the lower group index. Only the connected component that the last
    replica joined is simulated again.

    Args:
        shape, holds: the layout, changed.
        allowed: bool (M,), the models to place; requests of the others are ignored.
        good_at: int64 (K, M), receives the requests in time at each cut. latency_s: float64 (M,), as in `score`.
        chosen: int64 (>= steps, 2), receives (group before sorting, model) of each step.
        good_after: int64 (>= steps + 1,), receives the requests in time before each step and at the end.

    Returns:
        (replicas added, evaluations). If stopped, the layout is the last one that was scored to the end.
    """
    groups, models = holds.shape
    requests = count_requests(traffic.model, catalogue.weight)
    for m in range(models):
        latency_s[m] = 0
        for k in range(good_at.shape[0]):
            good_at[k, m] = 0
    dispatched = np.zeros(groups, np.int64)
    no_limit = np.full(traffic.cuts.size - 1, np.inf)
    normalise(shape, holds, np.arange(groups))
    used_gib = used_memory(shape, holds, catalogue)
    affected = allowed.copy()
    steps = 0
    g, m = NONE, NONE
    while True:
        done = score(
            shape, holds, affected, catalogue, traffic, rules, control, no_limit, good_at, dispatched, latency_s
        )  # fmt: skip
        if not done:
            if steps > 0:
                holds[g, m] = False
            return max(steps - 1, 0), steps
        good = good_at[-1]
        good_after[steps] = total(good)
        g, m = _next_replica(shape, holds, allowed, requests, good, dispatched, used_gib, catalogue)
        if g < 0:
            return steps, steps + 1
        chosen[steps, 0], chosen[steps, 1] = g, m
        steps += 1
        holds[g, m] = True
        add_weights(used_gib[g], m, shape[g], catalogue)
        moved = np.arange(groups)
        before_g = g
        normalise(shape, holds, moved)
        dispatched_before, used_before_gib = dispatched.copy(), used_gib.copy()
        for at in range(groups):
            dispatched[at] = dispatched_before[moved[at]]
            for k in range(used_gib.shape[1]):
                used_gib[at, k] = used_before_gib[moved[at], k]
            if moved[at] == before_g:
                g = at
        for other in range(models):
            affected[other] = other == m
        reach(holds, affected)


@njit(cache=True, nogil=True)
def score_additions(
    shape: I64, holds: Bools, added: I64, good_at: I64, latency_s: F64, keep: int, catalogue: Catalogue,
    traffic: Traffic, rules: Rules, control: I64,
) -> tuple[I64, F64]:  # fmt: skip
    """Score layouts that differ from one by one replica each; those that cannot be among the best `keep` are given
    up as soon as that is certain.

    Args:
        shape, holds: the layout. good_at: int64 (K, M), latency_s: float64 (M,): what `score` said about it.
        added: int64 (B, 2), (group, model) of each replica.

    Returns:
        int64 (B,) requests in time, NONE where given up or stopped; float64 (B,) sum of all latencies.
    """
    models, cuts = holds.shape[1], traffic.cuts.size - 1
    good, total_s = np.full(added.shape[0], NONE, np.int64), np.zeros(added.shape[0])
    best = np.zeros(keep, np.int64)
    requests = count_requests(traffic.model, catalogue.weight)
    # The mean latency in seconds counts a ten-thousandth, so a tie may be broken by that many requests.
    longest_s = catalogue.slo_s[0]
    for other in range(models):
        longest_s = max(longest_s, catalogue.slo_s[other])
    # Latency is never weighted.
    slack = np.ceil(traffic.model.size * longest_s / 10_000.0) + 1
    limit = np.empty(cuts)
    for b in range(added.shape[0]):
        g, m = added[b]
        trial = holds.copy()
        trial[g, m] = True
        affected = np.zeros(models, np.bool_)
        affected[m] = True
        reach(trial, affected)
        worst = 0
        for i in range(keep):
            worst = i if best[i] < best[worst] else worst
        possible = 0
        for other in range(models):
            possible += requests[other] if affected[other] else good_at[-1, other]
        for k in range(cuts):
            limit[k] = possible - best[worst] + slack
        trial_good_at, trial_latency_s = good_at.copy(), latency_s.copy()
        if score(
            shape, trial, affected, catalogue, traffic, rules, control, limit, trial_good_at,
            np.empty(shape.size, np.int64), trial_latency_s,
        ):  # fmt: skip
            good[b], total_s[b] = total(trial_good_at[-1]), total(trial_latency_s)
            best[worst] = max(best[worst], good[b])
    return good, total_s
