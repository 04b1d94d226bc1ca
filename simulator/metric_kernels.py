"""Counting over time: numba kernels for queues, requests in flight and busy stages."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator.arrays import F64, I32, I64, Bools
from simulator.kernel_stamps import follow_stamps

follow_stamps(__file__)

# Ends that are added up in another order differ in the last digits; a shorter wait than this is none.
ROUNDING_S = 1e-9


@njit(cache=True, nogil=True, inline="always")
def _add_interval(
    row: int, begin_s: float, end_s: float, first_s: float, width_s: float, bins: int, partial_s: F64, full: I64
) -> None:
    """Add the stretch from begin_s to end_s to a row of bins.

    Bins that it touches at its ends get the seconds in `partial_s`; those between are counted in `full`
    as a difference, so that a long stretch costs no more than a short one.
    """
    begin = (max(begin_s, first_s) - first_s) / width_s
    end = (min(end_s, first_s + bins * width_s) - first_s) / width_s
    if end > begin:
        low = min(int(begin), bins - 1)
        high = min(int(end), bins - 1)
        if low == high:
            partial_s[row, low] += (end - begin) * width_s
        else:
            partial_s[row, low] += (low + 1 - begin) * width_s
            partial_s[row, high] += (end - high) * width_s
            full[row, low + 1] += 1
            full[row, high] -= 1


@njit(cache=True, nogil=True)
def add_intervals(
    row: I64, begin_s: F64, end_s: F64, first_s: float, width_s: float, partial_s: F64, full: I64
) -> None:
    """Overlap of many stretches with bins.

    Args:
        row: int64 (n,), which row of bins each stretch belongs to; negative ones are left out.
        begin_s, end_s: float64 (n,), seconds.
        first_s, width_s: where the first bin begins, and how long each is, seconds.
        partial_s: float64 (rows, bins), full: int64 (rows, bins + 1), added to. The seconds in a bin are
            partial_s + width_s * cumsum(full along the bins).
    """
    bins = partial_s.shape[1]
    for i in range(row.size):
        if row[i] >= 0:
            _add_interval(row[i], begin_s[i], end_s[i], first_s, width_s, bins, partial_s, full)


@njit(cache=True, nogil=True)
def max_level(offset: I64, rise_s: F64, fall_s: F64, first_s: float, width_s: float, highest: I64) -> None:
    """Highest number of stretches that are open at once, in each bin.

    Args:
        offset: int64 (rows + 1,), where each row begins in the next two.
        rise_s, fall_s: float64, ascending within each row: when a stretch opens, when one closes. At the same
            moment one closes before another opens.
        first_s, width_s: the bins, seconds.
        highest: int64 (rows, bins), receives the maximum over each bin, what was open before it included.
    """
    bins = highest.shape[1]
    for row in range(offset.size - 1):
        level, at = 0, 0
        i = f = offset[row]
        beyond = offset[row + 1]
        while at < bins:
            next_s = np.inf
            if f < beyond:
                next_s = fall_s[f]
            rises = i < beyond and rise_s[i] < next_s
            if rises:
                next_s = rise_s[i]
            while at < bins and next_s >= first_s + (at + 1) * width_s:
                highest[row, at] = max(highest[row, at], level)
                at += 1
            if at == bins or next_s == np.inf:
                break
            if rises:
                level += 1
                i += 1
                if next_s >= first_s:
                    highest[row, at] = max(highest[row, at], level)
            else:
                if next_s >= first_s:
                    highest[row, at] = max(highest[row, at], level)
                level -= 1
                f += 1


@njit(cache=True, nogil=True)
def walk_stages(
    order: I64, group: I32, model: I32, batch_index: I64, batch_size: I64, start_s: F64, counted: Bools, row_of: I32,
    latency_s: F64, depth: I64, first_row: I64, open_s: F64, close_s: F64, first_s: float, width_s: float, clock_s: F64,
    partial_s: F64, full: I64, hold_group: I64, hold_from_s: F64, hold_to_s: F64, span_begin_s: F64, span_end_s: F64,
) -> int:  # fmt: skip
    """Walk the executions of each group again, stage by stage: when stages are busy, and who waits between them.

    Args:
        order: int64, the requests that ran, sorted by (group, start, number). The members of a batch stand together.
        group, model, batch_index, batch_size, start_s: of all requests, indexed by request.
        counted: bool, of all requests: whether its waiting counts.
        row_of: int32 (M, G), the row of `latency_s` (B, R, S). depth: int64 (G,).
        first_row: int64 (G,), the row of bins of each group's first stage.
        open_s, close_s: float64 (G,), only what happens at a group between the two is written down.
        first_s, width_s, partial_s, full: the bins, as in add_intervals.
        clock_s: float64 (G, S), changed: until when each stage is busy.
        hold_group: int64 (h,), hold_from_s, hold_to_s: float64 (h,), receive the first h waits between stages.
        span_begin_s, span_end_s: float64 (len(order), S), receive each request's time on each stage; (0, S) if
            they are not wanted.

    Returns the number of waits between stages longer than ROUNDING_S, also where it is more than h.
    """
    bins = partial_s.shape[1]
    position = 0
    holds = 0
    while position < order.size:
        i: int = order[position]
        g: int = group[i]
        row: int = row_of[model[i], g]
        beyond = position + batch_size[i]
        members = 0
        for member in range(position, beyond):
            other: int = order[member]
            members += counted[other]
        t: float = start_s[i]
        for k in range(depth[g]):
            begin_s = max(t, clock_s[g, k])
            from_s, to_s = max(t, open_s[g]), min(begin_s, close_s[g])
            if k > 0 and begin_s - t > ROUNDING_S and to_s > from_s:
                for slot in range(holds, min(holds + members, hold_group.size)):
                    hold_group[slot] = g
                    hold_from_s[slot] = from_s
                    hold_to_s[slot] = to_s
                holds += members
            t = begin_s + latency_s[batch_index[i], row, k]
            clock_s[g, k] = t
            from_s, to_s = max(begin_s, open_s[g]), min(t, close_s[g])
            _add_interval(first_row[g] + k, from_s, to_s, first_s, width_s, bins, partial_s, full)
            if span_begin_s.shape[0] > 0:
                for member in range(position, beyond):
                    span_begin_s[member, k] = begin_s
                    span_end_s[member, k] = t
        position = beyond
    return holds
