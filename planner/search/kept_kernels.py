"""Keeps the run of a layout, which saves most of the work of trying changes of it (`planner.search.rerun_kernels`)."""

from __future__ import annotations

import numpy as np

from planner.search import rerun_kernels
from planner.search.rerun_kernels import Fates
from simulator import kernels, score_kernels
from simulator.arrays import F64, I64, Bools, Rules
from simulator.kernel_stamps import follow_stamps
from simulator.kernels import EARLIEST_FREE, NONE, SHORTEST_QUEUE
from simulator.score_kernels import Catalogue, Traffic, inner_kernel

follow_stamps(__file__, kernels, score_kernels, rerun_kernels)

# Of a run at most so many clocks of stages are kept, 8 MB; longer traffic is simulated whole.
MAX_CLOCKS = 1 << 20
# Keeping a run costs as much as some trials; for fewer than these it is not made.
LEAST_TRIALS = 25
NO_RUN = Fates(
    np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.bool_), np.empty(0), np.empty(0), np.empty((0, 0)),
    np.empty((0, 0)), np.empty(0, np.int64),
)  # fmt: skip


@inner_kernel
def room_for_fates(n: int, stages: int, rules: Rules) -> Fates:
    """Room for the fates of n requests."""
    predicted_s = np.empty((n, stages))
    actual_s = np.empty((n, stages)) if rules.start_delay_s > 0 else predicted_s
    return Fates(
        np.empty(n, np.int32), np.zeros(n, np.int32), np.zeros(n, np.bool_), np.empty(n), np.empty(n), predicted_s,
        actual_s, np.full(n, NONE, np.int64),
    )  # fmt: skip


@inner_kernel
def pays(traffic: Traffic, catalogue: Catalogue, rules: Rules, trials: int) -> bool:
    """Whether so many changes are tried faster on a kept run than each in the component that it reaches."""
    known = rules.dispatch == EARLIEST_FREE or rules.dispatch == SHORTEST_QUEUE
    return known and trials >= LEAST_TRIALS and traffic.model.size * catalogue.latency_s.shape[2] <= MAX_CLOCKS


@inner_kernel
def spread(kept: Fates, rows: int, groups: int, rules: Rules) -> None:
    """Give each request of a first run, whose fates are in the first rows, its own row; others had no group."""
    row = rows - 1
    for i in range(kept.place.size - 1, -1, -1):
        if row >= 0 and kept.request[row] == i:
            _copy_fate(kept, row, kept, i)
            row -= 1
        else:
            kept.place[i], kept.in_slo[i] = 0, False
    _link(kept, groups, rules)


@inner_kernel
def _copy_fate(source: Fates, row: int, target: Fates, i: int) -> None:
    target.place[i], target.in_slo[i] = source.place[row], source.in_slo[row]
    target.answered_s[i], target.last_s[i] = source.answered_s[row], source.last_s[row]
    for k in range(target.predicted_s.shape[1]):
        target.predicted_s[i, k], target.actual_s[i, k] = source.predicted_s[row, k], source.actual_s[row, k]


@inner_kernel
def _link(kept: Fates, groups: int, rules: Rules) -> None:
    """Let every request know the one before it in its place."""
    if rules.dispatch == SHORTEST_QUEUE:
        latest = np.full(2 * groups + 2, NONE, np.int64)
        for i in range(kept.place.size):
            kept.before[i], latest[kept.place[i]] = latest[kept.place[i]], i


@inner_kernel
def set_limits(
    limit: F64, bad_at: I64, requests_at: I64, good_at: I64, affected: Bools, allowed_loss: float, patience: float
) -> None:
    """How many bad requests of the affected models a trial may have at each cut: `bad_at`, the current layout's, and
    a margin that grows with the spread of the difference, but never more than what is allowed at the end."""
    last = limit.size - 1
    for k in range(last + 1):
        bad = 0
        for m in range(affected.size):
            if affected[m]:
                bad += requests_at[k, m] - good_at[k, m]
        bad_at[k] = bad
        limit[k] = bad + allowed_loss + (patience * np.sqrt(bad + 1.0) if k < last else 0.0)
    for k in range(last):
        limit[k] = min(limit[k], limit[last])


@inner_kernel
def adopt(kept: Fates, own: Fates, rows: int, slots: I64, rules: Rules) -> None:
    """Make the run that `rerun` made, to the end, the kept one."""
    for row in range(rows):
        _copy_fate(own, row, kept, own.request[row])
    most, moved = 0, False
    for g in range(slots.size):
        most = max(most, slots[g] + 1)
        moved |= slots[g] != g
    if moved:
        number = np.zeros(most, np.int64)
        for g in range(slots.size):
            number[slots[g]] = g
        for i in range(kept.place.size):
            place = kept.place[i]
            if place > 0:
                kept.place[i] = 2 * number[(place >> 1) - 1] + 2 + (place & 1)
    _link(kept, slots.size, rules)
