"""What the token kernels write down of engines over time: iterations and events within a span, and equal bins."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator.generation.arrays import Tables

PREFILL, PREEMPTED, JOINED = range(3)
# Nothing is allocated here, so reference counts, which took four fifths of the time, are left out. A call would hand on
# the tables as about a hundred single values, which took nine tenths of the rest, so what is called is put in place.
token_kernel = njit(cache=True, nogil=True, error_model="numpy", _nrt=False, forceinline=True)


@token_kernel
def _bin_of(t: Tables, at_s: float) -> int:
    """The column of the bins at a moment."""
    if at_s < t.bins_s[0]:
        return 0
    place = (at_s - t.bins_s[0]) / t.bins_s[1]
    beyond = t.bins.shape[1] - 1
    return 1 + int(place) if place < beyond - 1 else beyond


@token_kernel
def _add_to_bins(
    t: Tables, e: int, begin_s: float, end_s: float, tokens: int, prompts: int, used: int, running: int, waiting: int
) -> None:
    """Add the iterations from begin_s to end_s, all alike, to the bins that they overlap."""
    column, beyond = _bin_of(t, begin_s), t.bins.shape[1] - 1
    while True:
        until_s = end_s
        if column < beyond:
            until_s = min(end_s, t.bins_s[0] + column * t.bins_s[1])
        part_s = max(until_s - begin_s, 0.0)
        one = t.bins[e, column]
        one.busy_s += part_s
        if prompts > 0:
            one.prompt_s += part_s
        one.tokens_s += part_s * tokens
        one.running_s += part_s * running
        one.waiting_s += part_s * waiting
        one.used_s += part_s * used
        one.peak_used = max(one.peak_used, used)
        one.peak_waiting = max(one.peak_waiting, waiting)
        if until_s >= end_s or column == beyond:
            return
        begin_s = until_s
        column += 1


@token_kernel
def note(t: Tables, at_s: float, r: int, kind: int, tokens: int) -> None:
    """Count an event, and write it down if there is room."""
    if kind == PREEMPTED and t.bins.shape[1] > 0:
        t.bins[t.requests[r].engine, _bin_of(t, at_s)].preemptions += 1
    if at_s < t.span_s[0] or at_s >= t.span_s[1] or not t.recorded[t.engines[t.requests[r].engine].group]:
        return
    row = t.counts[1]
    if row < t.events.size:
        event = t.events[row]
        event.at_s = at_s
        event.request = r
        event.kind = kind
        event.tokens = tokens
        event.segment = t.counts[0]
    t.counts[1] = row + 1


@token_kernel
def note_segment(
    t: Tables, group: np.record, engine: np.record, e: int, end_s: float, iterations: int, n: int, prompts: int,
    prefill: int, context: int,
) -> None:  # fmt: skip
    """Count a segment, and write it down if there is room."""
    if t.bins.shape[1] > 0:
        used = group.pool_units - group.free_units
        _add_to_bins(t, e, group.clock_s, end_s, n + prefill, prompts, used, engine.running, engine.waiting)
    t.counts[2] += 1
    if end_s <= t.span_s[0] or group.clock_s >= t.span_s[1] or not t.recorded[engine.group]:
        return
    row = t.counts[0]
    if row < t.segments.size:
        segment = t.segments[row]
        segment.begin_s = group.clock_s
        segment.end_s = end_s
        segment.engine = e
        segment.iterations = iterations
        segment.decoding = n
        segment.prefilling = prompts
        segment.prefill_tokens = prefill
        segment.context_tokens = context
        segment.pool_used = group.pool_units - group.free_units
        segment.running = engine.running
        segment.waiting = engine.waiting
    t.counts[0] = row + 1
