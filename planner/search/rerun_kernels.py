"""Simulates a changed layout by what differs from the run of the layout that it was changed from.

A trial handles a request anew only where its model's groups are others now, or where one of them is *apart*: its
clocks, or the answers to come, are not as they were in the kept run at that time. All others fare as they did. A
group joins the kept run again as soon as nothing that it does from then on can differ.

What comes out is what `simulator.score_kernels.score` gives, to the last request and at every cut.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from simulator import kernels, score_kernels
from simulator.arrays import F64, I32, I64, Bools, Index, Instance, Rules
from simulator.kernel_stamps import follow_stamps
from simulator.kernels import NONE, SHORTEST_QUEUE, deadline_of, earliest_free, execute, predict
from simulator.score_kernels import Catalogue, Traffic, build_layout_instance, inner_kernel

follow_stamps(__file__, kernels, score_kernels)
_in_place = njit(cache=True, nogil=True, _nrt=False, forceinline=True)


class Fates(NamedTuple):
    """What became of requests, on n rows.

    request: int32 (n,), which one. place: int32 (n,), 2 g + 2 where group g served it, 2 g + 3 where that rejected
    it, 0 where no group holds its model. in_slo: bool (n,). answered_s: float64 (n,), when it stopped being
    outstanding. last_s: float64 (n,), predicted_s, actual_s: float64 (n, S): the clocks of its group after it, where
    it was served; one and the same array without a start delay. before: int64 (n,), the row of the one before it in
    the same place, kept for `shortest_queue` only.
    """

    request: I32
    place: I32
    in_slo: Bools
    answered_s: F64
    last_s: F64
    predicted_s: F64
    actual_s: F64
    before: I64

    def __reduce__(self) -> tuple[Any, ...]:
        """A run stays in its process: another one makes it again sooner than it is sent there."""
        return Fates, tuple(array[:0] for array in self)


class Groups(NamedTuple):
    """The groups of both layouts during a trial: those of the kept run, then those that only the trial has.

    row: int64 (G,), the group's number in the trial, NONE where it is gone. is_kept: bool (G,), in both layouts.
    apart: bool (G,), not as in the kept run. predicted_s, actual_s: float64 (G, S), the clocks of those apart.
    By place, see `Fates`: at int64, the latest row of the kept run; head int64, the latest row of the trial for
    groups apart, or -2 - the latest of the kept run before it went apart; last_s float64, the last predicted clock.
    """

    row: I64
    is_kept: Bools
    apart: Bools
    predicted_s: F64
    actual_s: F64
    at: I64
    head: I64
    last_s: F64


@inner_kernel
def _match_groups(shape: I64, holds: Bools, new_shape: I64, new_holds: Bools) -> I64:
    """int64 (G',): a number for each group of a changed layout: that of a group before the change, of the same
    configuration and with the same models where there is one, or one that no group had."""
    slots, taken = np.full(new_shape.size, NONE, np.int64), np.zeros(shape.size, np.bool_)
    beyond, first = shape.size, 0
    for g in range(new_shape.size):
        for old in range(first, shape.size):
            if shape[old] == new_shape[g] and _same_models(holds[old], new_holds[g]):
                slots[g], taken[old], first = old, True, old + 1
                break
    for g in range(new_shape.size):
        old = 0
        while slots[g] < 0 and old < shape.size:
            if shape[old] == new_shape[g] and not taken[old]:
                slots[g], taken[old] = old, True
            old += 1
        if slots[g] < 0:
            slots[g], beyond = beyond, beyond + 1
    return slots


@inner_kernel
def _same_models(row: Bools, other: Bools) -> bool:
    same = True
    for m in range(row.size):
        same &= row[m] == other[m]
    return same


@inner_kernel
def _build_groups(slots: I64, kept: int, stages: int, rules: Rules) -> Groups:
    """slots: int64 (G',), the slot of each group of the trial; kept: how many the kept run has."""
    count = kept
    for g in range(slots.size):
        count = max(count, slots[g] + 1)
    row, is_kept, apart = np.full(count, NONE, np.int64), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    for g in range(slots.size):
        row[slots[g]] = g
        is_kept[slots[g]] = slots[g] < kept
        apart[slots[g]] = slots[g] >= kept
    predicted_s = np.zeros((count, stages))
    actual_s = np.zeros((count, stages)) if rules.start_delay_s > 0 else predicted_s
    nobody = np.full((2, 2 * count + 2), NONE, np.int64)
    return Groups(row, is_kept, apart, predicted_s, actual_s, nobody[0], nobody[1], np.zeros(2 * count + 2))


@inner_kernel
def _count_changed(holds: Bools, new_holds: Bools, slots: I64) -> I64:
    """int64 (M,): 1 for models whose groups are not the same, or not in the same order, in both layouts."""
    models = holds.shape[1]
    changed = np.zeros(models, np.int64)
    for m in range(models):
        old = 0
        for g in range(slots.size):
            if new_holds[g, m]:
                while old < holds.shape[0] and not holds[old, m]:
                    old += 1
                changed[m] |= old == holds.shape[0] or old != slots[g]
                old += 1
        while old < holds.shape[0]:
            changed[m] |= holds[old, m]
            old += 1
    return changed


# What the loop over the requests calls stands in its place and takes arrays, not tuples of them; numba would count
# references at every request.


@_in_place
def _pick(
    first: int, beyond: int, now_s: float, counts_queue: bool, group_of: I64, last_of: F64, actual_s: F64, apart: Bools,
    at: I64, head: I64, kept_answered_s: F64, kept_before: I64, own_answered_s: F64, own_before: I64,
) -> int:  # fmt: skip
    """The candidate, from first to beyond, that the dispatch rule picks. Answers of a place come in order, so what is
    outstanding is counted from the latest back, and no further than decides."""
    if not counts_queue:
        return earliest_free(first, beyond, False, now_s, group_of, last_of, actual_s)
    best, fewest = first, np.int64(1) << 62
    j = first
    while j < beyond and fewest > 0 and beyond - first > 1:
        g, count = group_of[j], 0
        for place in range(2 * g + 2, 2 * g + 4):
            kept = at[place]
            if apart[g]:
                own = head[place]
                while own >= 0 and own_answered_s[own] > now_s and count < fewest:
                    own = own_before[own]
                    count += 1
                kept = NONE if own >= 0 else -2 - own
            while kept >= 0 and kept_answered_s[kept] > now_s and count < fewest:
                kept = kept_before[kept]
                count += 1
        best, fewest = (j, count) if count < fewest else (best, fewest)
        j += 1
    return best


@_in_place
def _load_clocks(
    g: Index, row: Index, start_delay_s: float, depth: I64, predicted_s: F64, actual_s: F64, kept_predicted_s: F64,
    kept_actual_s: F64,
) -> None:  # fmt: skip
    """The clocks of a group after a row of the kept run; NONE: at the beginning."""
    for k in range(depth[g]):
        predicted_s[g, k] = kept_predicted_s[row, k] if row >= 0 else 0.0
    if start_delay_s > 0.0:
        for k in range(depth[g]):
            actual_s[g, k] = kept_actual_s[row, k] if row >= 0 else 0.0


@_in_place
def _go_apart(g: Index, apart: Bools, at: I64, head: I64, row_of: I64, holds: Bools, touched: I64) -> None:
    """From now on the group is not as in the kept run; its clocks are loaded."""
    head[2 * g + 2], head[2 * g + 3] = -2 - at[2 * g + 2], -2 - at[2 * g + 3]
    apart[g] = True
    for m in range(touched.size):
        touched[m] += holds[row_of[g], m]


@_in_place
def _same_clocks(
    g: Index, row: Index, reach_s: float, start_delay_s: float, depth: I64, predicted_s: F64, actual_s: F64,
    kept_predicted_s: F64, kept_actual_s: F64,
) -> bool:  # fmt: skip
    """Whether clocks are those of a row of the kept run for what reaches the group at reach_s or later."""
    same = True
    for k in range(depth[g]):
        past_s = kept_predicted_s[row, k] if row >= 0 else 0.0
        same &= max(predicted_s[g, k], reach_s) == max(past_s, reach_s)
        if start_delay_s > 0.0:
            past_s = kept_actual_s[row, k] if row >= 0 else 0.0
            same &= max(actual_s[g, k], reach_s + start_delay_s) == max(past_s, reach_s + start_delay_s)
    return same


@_in_place
def _same_outstanding(
    g: Index, now_s: float, at: I64, head: I64, kept_answered_s: F64, kept_before: I64, own_answered_s: F64,
    own_before: I64,
) -> bool:  # fmt: skip
    """Whether the answers to come are as in the kept run, to whichever requests."""
    same = True
    for place in range(2 * g + 2, 2 * g + 4):
        kept, own = at[place], head[place]
        while same:
            # From some row on the trial's list goes on with those of the kept run.
            past = NONE if own >= 0 else -2 - own
            own_s = own_answered_s[own] if own >= 0 else (kept_answered_s[past] if past >= 0 else -np.inf)
            kept_s = kept_answered_s[kept] if kept >= 0 else -np.inf
            if own_s <= now_s and kept_s <= now_s:
                break
            same = own_s == kept_s
            if same:
                own = own_before[own] if own >= 0 else -2 - kept_before[past]
                kept = kept_before[kept]
    return same


@_in_place
def _join_again(
    g: Index, now_s: float, reach_s: float, counts_queue: bool, start_delay_s: float, depth: I64, predicted_s: F64,
    actual_s: F64, last_of: F64, apart: Bools, at: I64, head: I64, row_of: I64, holds: Bools, touched: I64,
    kept_answered_s: F64, kept_last_s: F64, kept_predicted_s: F64, kept_actual_s: F64, kept_before: I64,
    own_answered_s: F64, own_before: I64,
) -> None:  # fmt: skip
    """From now on the group is as in the kept run, if nothing that it does can differ."""
    row = at[2 * g + 2]
    if not counts_queue and last_of[g] != (kept_last_s[row] if row >= 0 else 0.0):
        return
    if not _same_clocks(
        g, row, reach_s, start_delay_s, depth, predicted_s, actual_s, kept_predicted_s, kept_actual_s
    ):  # fmt: skip
        return
    if counts_queue and not _same_outstanding(
        g, now_s, at, head, kept_answered_s, kept_before, own_answered_s, own_before
    ):  # fmt: skip
        return
    apart[g] = False
    for m in range(touched.size):
        touched[m] -= holds[row_of[g], m]


@_in_place
def _serve(
    r: int, g: Index, row: int, reach_s: float, deadline_s: float, rules: Rules, depth: I64, predicted_s: F64,
    actual_s: F64, last_of: F64, latency_s: F64, place: I32, answered_s: F64, last_s: F64, own_predicted_s: F64,
    own_actual_s: F64,
) -> bool:  # fmt: skip
    """Let a group predict, and serve or reject, what reaches it at reach_s, and write its fate to row r; returns
    whether it is in time."""
    end_s = predict(g, row, reach_s, depth, predicted_s, latency_s)
    if not rules.admit_all and end_s + rules.response_delay_s + rules.admission_margin_s > deadline_s:
        place[r], answered_s[r] = 2 * g + 3, reach_s
        return False
    _, end_s = execute(
        g, row, reach_s, rules.start_delay_s, depth, predicted_s, actual_s, last_of, latency_s
    )  # fmt: skip
    place[r], answered_s[r], last_s[r] = 2 * g + 2, end_s, last_of[g]
    for k in range(depth[g]):
        own_predicted_s[r, k] = predicted_s[g, k]
    if rules.start_delay_s > 0.0:
        for k in range(depth[g]):
            own_actual_s[r, k] = actual_s[g, k]
    return end_s + rules.response_delay_s <= deadline_s


@inner_kernel
def _compare(
    shape: I64, holds: Bools, new_shape: I64, new_holds: Bools, catalogue: Catalogue, rules: Rules
) -> tuple[I64, Groups, Instance, I64, I64]:
    """Two layouts: the numbers of the second one's groups, all groups, the second as an instance of groups with
    these numbers, the depth of each, and `_count_changed`."""
    slots = _match_groups(shape, holds, new_shape, new_holds)
    groups = _build_groups(slots, shape.size, catalogue.latency_s.shape[2], rules)
    instance = build_layout_instance(new_shape, new_holds, catalogue)
    for j in range(instance.candidate_group.size):
        instance.candidate_group[j] = slots[instance.candidate_group[j]]
    depth = np.zeros(groups.row.size, np.int64)
    for g in range(slots.size):
        depth[slots[g]] = instance.depth[g]
    return slots, groups, instance, depth, _count_changed(holds, new_holds, slots)


@inner_kernel
def rerun(
    kept: Fates, own: Fates, shape: I64, holds: Bools, new_shape: I64, new_holds: Bools, catalogue: Catalogue,
    traffic: Traffic, rules: Rules, control: I64, spare: F64, good_at: I64, trial_good_at: I64,
) -> tuple[int, I64]:  # fmt: skip
    """Simulate what differs from a kept run.

    Args:
        kept: the fate of every request on `shape`, `holds`. own: receives, in order, those that may differ on the new.
        spare: float64 (K,), how many requests may be lost against the kept run at each cut; with more the run stops.
        good_at, trial_good_at: int64 (K, M), requests in time of the kept run, and, received, of the trial.

    Returns:
        (rows of `own`, NONE if the run was stopped before the end; int64 (G',), the number of each group there).
    """
    slots, groups, instance, depth, touched = _compare(shape, holds, new_shape, new_holds, catalogue, rules)
    arrival_s, model, slo_s, cuts = traffic
    model_slo_s, weight, latency_s = catalogue.slo_s, catalogue.weight, catalogue.latency_s[0]
    start, group_of, latency_row = instance.candidate_start, instance.candidate_group, instance.candidate_row
    row_of, is_kept, apart, predicted_s, actual_s, at, head, last_s = groups
    last_of = last_s[2::2]
    _, kept_place, kept_in_slo, kept_answered_s, kept_last_s, kept_predicted_s, kept_actual_s, kept_before = kept
    own_request, own_place, own_in_slo, own_answered_s, own_last_s, own_predicted_s, own_actual_s, own_before = own
    counts_queue, start_delay_s = rules.dispatch == SHORTEST_QUEUE, rules.start_delay_s
    gained = np.zeros(holds.shape[1], np.int64)
    rows = lost = 0
    for cut in range(cuts.size - 1):
        if control[0] != 0:
            return NONE, slots
        for i in range(cuts[cut], cuts[cut + 1]):
            m, place = np.int64(model[i]), np.int64(kept_place[i])
            if touched[m] == 0:
                at[place], last_s[place] = i, kept_last_s[i]
                continue
            now_s = arrival_s[i] + rules.client_delay_s
            reach_s = now_s + rules.dispatch_delay_s
            g, row = np.int64(NONE), 0
            if start[m] < start[m + 1]:
                j = _pick(
                    start[m], start[m + 1], now_s, counts_queue, group_of, last_of, actual_s, apart, at, head,
                    kept_answered_s, kept_before, own_answered_s, own_before,
                )  # fmt: skip
                g, row = group_of[j], latency_row[j]
            past = (place >> 1) - 1
            if g == past and (g < 0 or not apart[g]):
                at[place], last_s[place] = i, kept_last_s[i]
                continue
            own_request[rows], own_place[rows], in_slo = i, 0, False
            if g >= 0:
                if not apart[g]:
                    _load_clocks(
                        g, at[2 * g + 2], start_delay_s, depth, predicted_s, actual_s, kept_predicted_s, kept_actual_s
                    )  # fmt: skip
                deadline_s = deadline_of(i, arrival_s, model, slo_s, model_slo_s)
                in_slo = _serve(
                    rows, g, row, reach_s, deadline_s, rules, depth, predicted_s, actual_s, last_of, latency_s,
                    own_place, own_answered_s, own_last_s, own_predicted_s, own_actual_s,
                )  # fmt: skip
                if not apart[g] and (own_place[rows] % 2 == 0 or counts_queue):
                    _go_apart(g, apart, at, head, row_of, new_holds, touched)
                own_before[rows], head[own_place[rows]] = head[own_place[rows]], rows
            own_in_slo[rows], rows = in_slo, rows + 1
            gained[m] += in_slo - np.int64(kept_in_slo[i])
            lost += (np.int64(kept_in_slo[i]) - in_slo) * weight[m]
            if past >= 0 and is_kept[past] and not apart[past] and (place % 2 == 0 or counts_queue):
                _load_clocks(
                    past, at[2 * past + 2], start_delay_s, depth, predicted_s, actual_s, kept_predicted_s, kept_actual_s
                )  # fmt: skip
                _go_apart(past, apart, at, head, row_of, new_holds, touched)
            at[place] = i
            for h in (g, past):
                if h >= 0 and is_kept[h] and apart[h]:
                    _join_again(
                        h, now_s, reach_s, counts_queue, start_delay_s, depth, predicted_s, actual_s, last_of, apart,
                        at, head, row_of, new_holds, touched, kept_answered_s, kept_last_s, kept_predicted_s,
                        kept_actual_s, kept_before, own_answered_s, own_before,
                    )  # fmt: skip
        if lost > spare[cut]:
            return NONE, slots
        trial_good_at[cut] = good_at[cut] + gained * weight
    return rows, slots
