"""The simulation itself: numba kernels over the arrays of `simulator.arrays`.

**The total order of events.** Requests are handled in order of arrival; simultaneous ones in the order of the
workload. Whatever happens at a moment happens before the request that arrives at that moment: an answer given at
time t is no longer outstanding at t, and a group whose first stage ends at t is idle at t. Groups that become idle
at the same moment act in the order of their index. Ties between groups go to the lowest index.

Kernels that call each other stay in this one file, because numba's cache looks at the caller's file only. They
carry their whole state in and out, so that a long run can be cut anywhere: for progress, for cancelling, for a
change of placement. Every kernel has a plain twin in `tests/twin.py`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator.arrays import F64, I32, I64, Index, Instance, Queues, Record, Requests, Rules, State, Tally
from simulator.kernel_stamps import follow_stamps

follow_stamps(__file__)

SHORTEST_QUEUE, EARLIEST_FREE, EARLIEST_FINISH, ROUND_ROBIN = range(4)
SERVED, LATE, REJECTED, UNPLACED = range(4)
NONE = -1


@njit(cache=True, nogil=True)
def _settle(
    g: Index, now_s: float, outstanding: I64, accepted_head: I64, rejected_head: I64, next_answer_s: F64,
    client_delay_s: float, dispatch_delay_s: float, arrival_s: F64, ended_s: F64, next_request: I32,
) -> None:  # fmt: skip
    """Take what has been answered by now off the group's outstanding requests."""
    while next_answer_s[g] <= now_s:
        first = accepted_head[g]
        if first >= 0 and ended_s[first] <= now_s:
            accepted_head[g] = next_request[first]
        else:
            rejected_head[g] = next_request[rejected_head[g]]
        outstanding[g] -= 1
        answer_s = ended_s[accepted_head[g]] if accepted_head[g] >= 0 else np.inf
        if rejected_head[g] >= 0:
            answer_s = min(answer_s, arrival_s[rejected_head[g]] + client_delay_s + dispatch_delay_s)
        next_answer_s[g] = answer_s


@njit(cache=True, nogil=True, inline="always")
def _append(i: int, g: Index, head: I64, tail: I64, next_request: I32) -> None:
    """Put request i at the end of list g."""
    next_request[i] = NONE
    if head[g] >= 0:
        next_request[tail[g]] = i
    else:
        head[g] = i
    tail[g] = i


@njit(cache=True, nogil=True, inline="always")
def predict(g: Index, row: int, start_s: float, depth: I64, predicted_s: F64, latency_s: F64) -> float:
    """When the group would end what reaches it at start_s (docs/semantics.md section 2, step 3). latency_s: (R, S)."""
    t = start_s
    for k in range(depth[g]):
        t = max(t, predicted_s[g, k]) + latency_s[row, k]
    return t


@njit(cache=True, nogil=True, inline="always")
def execute(
    g: Index, row: int, start_s: float, start_delay_s: float, depth: I64, predicted_s: F64, actual_s: F64, last_s: F64,
    latency_s: F64,
) -> tuple[float, float]:  # fmt: skip
    """Let both clocks of the group take the walk; returns (start on the first stage, end of the last)."""
    u = start_s + start_delay_s
    first_s = max(u, actual_s[g, 0])
    if start_delay_s > 0.0:
        for k in range(depth[g]):
            u = max(u, actual_s[g, k]) + latency_s[row, k]
            actual_s[g, k] = u
    t = start_s
    for k in range(depth[g]):
        t = max(t, predicted_s[g, k]) + latency_s[row, k]
        predicted_s[g, k] = t
    last_s[g] = t
    return first_s, (u if start_delay_s > 0.0 else t)


# The four dispatch rules. Each returns the position, from first to beyond, of the candidate picked at now_s, or
# NONE; with only_idle, groups whose first stage is busy are passed over.


@njit(cache=True, nogil=True, inline="always")
def earliest_free(
    first: int, beyond: int, only_idle: bool, now_s: float, group_of: I64, last_s: F64, actual_s: F64
) -> int:
    best, best_s = NONE, np.inf
    for j in range(first, beyond):
        g = group_of[j]
        if only_idle and actual_s[g, 0] > now_s:
            continue
        earlier = last_s[g] < best_s
        best_s = last_s[g] if earlier else best_s
        best = j if earlier else best
    return best


@njit(cache=True, nogil=True, inline="always")
def _shortest_queue(
    first: int, beyond: int, only_idle: bool, now_s: float, group_of: I64, actual_s: F64, outstanding: I64,
    accepted_head: I64, rejected_head: I64, next_answer_s: F64, client_delay_s: float, dispatch_delay_s: float,
    arrival_s: F64, ended_s: F64, next_request: I32,
) -> int:  # fmt: skip
    best, fewest = NONE, np.int64(1) << 62
    for j in range(first, beyond):
        g = group_of[j]
        if next_answer_s[g] <= now_s:
            _settle(
                g, now_s, outstanding, accepted_head, rejected_head, next_answer_s, client_delay_s,
                dispatch_delay_s, arrival_s, ended_s, next_request,
            )  # fmt: skip
        if only_idle and actual_s[g, 0] > now_s:
            continue
        fewer = outstanding[g] < fewest
        fewest = outstanding[g] if fewer else fewest
        best = j if fewer else best
    return best


@njit(cache=True, nogil=True, inline="always")
def _earliest_finish(
    first: int, beyond: int, only_idle: bool, now_s: float, reach_s: float, group_of: I64, row_of: I64, depth: I64,
    predicted_s: F64, actual_s: F64, latency_s: F64,
) -> int:  # fmt: skip
    """All candidates face the same deadline, so the earliest finish is admissible if any is."""
    best, best_s = NONE, np.inf
    for j in range(first, beyond):
        g = group_of[j]
        if only_idle and actual_s[g, 0] > now_s:
            continue
        end_s = predict(g, row_of[j], reach_s, depth, predicted_s, latency_s)
        earlier = end_s < best_s
        best_s = end_s if earlier else best_s
        best = j if earlier else best
    return best


@njit(cache=True, nogil=True, inline="always")
def _round_robin(
    first: int, beyond: int, only_idle: bool, now_s: float, m: Index, group_of: I64, actual_s: F64, turn: I64
) -> int:
    for step in range(beyond - first):
        position = turn[m] + step
        if position >= beyond - first:
            position -= beyond - first
        if not only_idle or actual_s[group_of[first + position], 0] <= now_s:
            turn[m] = position + 1 if position + 1 < beyond - first else 0
            return first + position
    return NONE


@njit(cache=True, nogil=True)
def serve(
    instance: Instance, rules: Rules, state: State, arrival_s: F64, model: I32, slo_s: F64, low: int, high: int,
    ended_s: F64, next_request: I32, record: Record | None, tally: Tally,
) -> None:  # fmt: skip
    """Handle the requests low <= i < high one by one (docs/semantics.md section 2).

    Args:
        instance, rules, state: see above; `state` is carried on.
        arrival_s, model: float64 and int32 (n,), the workload.
        slo_s: float64 (n,) deadlines per request, NaN = the model's own; empty where there are none.
        ended_s: float64 (n,), receives the end on the last stage; may be empty if nothing is recorded and
            dispatch is not `shortest_queue`.
        next_request: int32 (n,) scratch, needed for `shortest_queue` only.
        record: Record or None. tally: Tally, added to.
    """
    # Locals, because reaching into a named tuple in the loop makes numba count references at every request.
    model_slo_s, candidate_start, candidate_group, candidate_row, batch_latency_s, _, depth, _, _, _, first_group = (
        instance
    )
    latency_s = batch_latency_s[0]
    dispatch, client_delay_s, dispatch_delay_s, start_delay_s, response_delay_s, margin_s, admit_all = rules
    predicted_s, actual_s, last_s, turn, outstanding, accepted_head, accepted_tail = state[:7]
    rejected_head, rejected_tail, next_answer_s = state[7:10]
    good, dispatched, total_latency_s = tally
    counts_queue = dispatch == SHORTEST_QUEUE
    own_deadlines = slo_s.size > 0
    for i in range(low, high):
        m: int = model[i]
        deadline_s = arrival_s[i] + model_slo_s[m]
        if own_deadlines and slo_s[i] == slo_s[i]:
            deadline_s = arrival_s[i] + slo_s[i]
        now_s = arrival_s[i] + client_delay_s
        reach_s = now_s + dispatch_delay_s
        first, beyond = candidate_start[m], candidate_start[m + 1]
        if dispatch == EARLIEST_FREE:
            j = earliest_free(first, beyond, False, now_s, candidate_group, last_s, actual_s)
        elif counts_queue:
            j = _shortest_queue(
                first, beyond, False, now_s, candidate_group, actual_s, outstanding, accepted_head, rejected_head,
                next_answer_s, client_delay_s, dispatch_delay_s, arrival_s, ended_s, next_request,
            )  # fmt: skip
        elif dispatch == EARLIEST_FINISH:
            j = _earliest_finish(
                first, beyond, False, now_s, reach_s, candidate_group, candidate_row, depth, predicted_s, actual_s,
                latency_s,
            )  # fmt: skip
        else:
            j = _round_robin(first, beyond, False, now_s, m, candidate_group, actual_s, turn)
        if j < 0:
            if record is not None:
                record.status[i] = UNPLACED
            continue
        g, row = candidate_group[j], candidate_row[j]
        dispatched[g] += 1
        end_s = predict(g, row, reach_s, depth, predicted_s, latency_s)
        if not admit_all and end_s + response_delay_s + margin_s > deadline_s:
            if record is not None:
                record.status[i] = REJECTED
                record.group[i] = first_group + g
            if counts_queue and dispatch_delay_s > 0.0:
                _append(i, g, rejected_head, rejected_tail, next_request)
                outstanding[g] += 1
                next_answer_s[g] = min(next_answer_s[g], reach_s)
            continue
        start_s, end_s = execute(g, row, reach_s, start_delay_s, depth, predicted_s, actual_s, last_s, latency_s)
        in_slo = end_s + response_delay_s <= deadline_s
        good[m] += in_slo
        total_latency_s[m] += end_s + response_delay_s - arrival_s[i]
        if record is not None:
            record.status[i] = SERVED if in_slo else LATE
            record.group[i] = first_group + g
            record.start_s[i] = start_s
            record.batch[i] = 1
            ended_s[i] = end_s
        if counts_queue:
            ended_s[i] = end_s
            _append(i, g, accepted_head, accepted_tail, next_request)
            outstanding[g] += 1
            next_answer_s[g] = min(next_answer_s[g], end_s)


@njit(cache=True, nogil=True, inline="always")
def deadline_of(i: int, arrival_s: F64, model: I32, slo_s: F64, model_slo_s: F64) -> float:
    if slo_s.size > 0 and slo_s[i] == slo_s[i]:
        return arrival_s[i] + slo_s[i]
    return arrival_s[i] + model_slo_s[model[i]]


@njit(cache=True, nogil=True)
def _run_queue(
    m: Index, g: Index, row: int, now_s: float, instance: Instance, rules: Rules, state: State, workload: Requests,
    ended_s: F64, links: Queues, record: Record, tally: Tally,
) -> bool:  # fmt: skip
    """Drop the heads of a queue that would miss even alone, then run one batch; False if nothing was left to run.

    The batch is the largest profiled one that the queue fills and whose head meets its deadline.
    """
    arrival_s, model, slo_s = workload
    next_in_queue, next_request = links
    predicted_s, actual_s, last_s = state.predicted_s, state.actual_s, state.last_s
    reach_s = now_s + rules.dispatch_delay_s
    spare_s = rules.response_delay_s + rules.admission_margin_s
    while state.queue_length[m] > 0:
        i = state.queue_head[m]
        deadline_s = deadline_of(i, arrival_s, model, slo_s, instance.slo_s)
        chosen = NONE
        for b in range(instance.batch_size.size):
            if instance.batch_size[b] <= state.queue_length[m] and instance.latency_s[b, row, 0] < np.inf:
                end_s = predict(g, row, reach_s, instance.depth, predicted_s, instance.latency_s[b])
                if rules.admit_all or end_s + spare_s <= deadline_s:
                    chosen = b
        size = instance.batch_size[chosen] if chosen >= 0 else 1
        start_s, end_s = 0.0, 0.0
        if chosen >= 0:
            start_s, end_s = execute(
                g, row, reach_s, rules.start_delay_s, instance.depth, predicted_s, actual_s, last_s,
                instance.latency_s[chosen],
            )  # fmt: skip
        for _ in range(size):
            i = state.queue_head[m]
            state.queue_head[m] = next_in_queue[i]
            state.queue_length[m] -= 1
            tally.dispatched[g] += 1
            record.group[i] = instance.first_group + g
            if chosen < 0:
                record.status[i] = REJECTED
                continue
            in_slo = end_s + rules.response_delay_s <= deadline_of(i, arrival_s, model, slo_s, instance.slo_s)
            tally.good[m] += in_slo
            record.status[i] = SERVED if in_slo else LATE
            record.start_s[i] = start_s
            record.batch[i] = size
            ended_s[i] = end_s
            _append(i, g, state.accepted_head, state.accepted_tail, next_request)
            state.outstanding[g] += 1
            state.next_answer_s[g] = min(state.next_answer_s[g], end_s)
        if chosen >= 0:
            state.idle_pending[g] = True
            return True
    return False


@njit(cache=True, nogil=True)
def _let_idle_groups_act(
    until_s: float, from_s: float, instance: Instance, rules: Rules, state: State, workload: Requests, ended_s: F64,
    links: Queues, record: Record, tally: Tally,
) -> float:  # fmt: skip
    """Every group that becomes idle before until_s acts, in order of time, then index.

    It serves the model whose oldest request waits longest, until it is busy again or its queues are empty. Requests
    are numbered in order of arrival, so the lowest number waits longest. Returns when the next group becomes idle.
    """
    while True:
        # Not the literal NONE, for which what is called with it would be compiled once more.
        g, idle_s = np.int64(NONE), np.inf
        for candidate in range(instance.depth.size):
            if state.idle_pending[candidate]:
                free_s = max(state.actual_s[candidate, 0], from_s)
                if free_s < idle_s:
                    g, idle_s = candidate, free_s
        if g < 0 or idle_s >= until_s:
            return idle_s
        state.idle_pending[g] = False
        while not state.idle_pending[g]:
            oldest, chosen = NONE, NONE
            for j in range(instance.member_start[g], instance.member_start[g + 1]):
                m = instance.member_model[j]
                if state.queue_length[m] > 0 and (oldest < 0 or state.queue_head[m] < oldest):
                    oldest, chosen = state.queue_head[m], j
            if chosen < 0:
                break
            m, row = instance.member_model[chosen], instance.member_row[chosen]
            _run_queue(m, g, row, idle_s, instance, rules, state, workload, ended_s, links, record, tally)


@njit(cache=True, nogil=True)
def serve_batches(
    instance: Instance, rules: Rules, state: State, workload: Requests, low: int, high: int, from_s: float,
    until_s: float, ended_s: F64, links: Queues, record: Record, tally: Tally,
) -> None:  # fmt: skip
    """Handle the requests low <= i < high with batching (docs/semantics.md section 2, "Batching").

    A request waits at the controller in its model's queue until a group that holds the model is idle, that is, its
    first stage is free. An idle group takes the model whose oldest request waits longest, rejects heads that would
    miss their deadline even alone, and runs the largest profiled batch that the queue fills and whose head still
    meets its deadline; with admission `none` deadlines limit nothing. All members start and end together.
    Where an arrival finds several idle groups, the dispatch rule chooses among them.

    Differences from the authors' code, all on purpose: every group that has become idle acts (theirs stops looking
    after the first that finds nothing); an arrival goes to any idle group that holds the model (theirs only to the
    one its dispatch rule names, idle or not); the response delay is paid once, after the last stage (theirs is
    added before the first and so occupies the devices); members are late by their own deadline.

    After the last request the groups go on acting until until_s (exclusive), so that a later call with another
    placement can take the queues over. No group acts before from_s.

    Args:
        workload: (arrival_s, model, slo_s) as in `serve`.
        links: (next in queue, next outstanding), int32 (n,) each, scratch that consecutive calls share.
        The other arguments are those of `serve`; a record is needed.
    """
    arrival_s, model, _ = workload
    actual_s, group_of, row_of = state.actual_s, instance.candidate_group, instance.candidate_row
    next_idle_s = -np.inf
    for i in range(low, high):
        m = np.int64(model[i])
        now_s = max(arrival_s[i] + rules.client_delay_s, from_s)
        if next_idle_s <= now_s:
            # Groups that become idle at this very moment act before the request that arrives at it.
            until_now_s = np.nextafter(now_s, np.inf)
            next_idle_s = _let_idle_groups_act(
                until_now_s, from_s, instance, rules, state, workload, ended_s, links, record, tally
            )
        first, beyond = instance.candidate_start[m], instance.candidate_start[m + 1]
        if first == beyond:
            record.status[i] = UNPLACED
            continue
        _append(i, m, state.queue_head, state.queue_tail, links[0])
        state.queue_length[m] += 1
        if rules.dispatch == EARLIEST_FREE:
            j = earliest_free(first, beyond, True, now_s, group_of, state.last_s, actual_s)
        elif rules.dispatch == SHORTEST_QUEUE:
            j = _shortest_queue(
                first, beyond, True, now_s, group_of, actual_s, state.outstanding, state.accepted_head,
                state.rejected_head, state.next_answer_s, rules.client_delay_s, rules.dispatch_delay_s, arrival_s,
                ended_s, links[1],
            )  # fmt: skip
        elif rules.dispatch == EARLIEST_FINISH:
            j = _earliest_finish(
                first, beyond, True, now_s, now_s + rules.dispatch_delay_s, group_of, row_of, instance.depth,
                state.predicted_s, actual_s, instance.latency_s[0],
            )  # fmt: skip
        else:
            j = _round_robin(first, beyond, True, now_s, m, group_of, actual_s, state.turn)
        if j >= 0 and _run_queue(
            m, group_of[j], row_of[j], now_s, instance, rules, state, workload, ended_s, links, record, tally
        ):
            next_idle_s = min(next_idle_s, actual_s[group_of[j], 0])
    _let_idle_groups_act(until_s, from_s, instance, rules, state, workload, ended_s, links, record, tally)
